//! The proxy that leads to a host: git's settings first, then the variables that all programs know.

use anyhow::{Context, Result};
use reqwest::{NoProxy, Proxy, Url};

use crate::env::Env;
use crate::vault::transport::libgit2::conversation::Conversation;

/// The proxy for a URL. Its own address may carry a login, which is for it alone.
pub(super) fn of(conversation: &Conversation, url: &Url) -> Result<Option<Proxy>> {
    let set = conversation.settings.for_url("http", "proxy", url.as_str());
    let env = &conversation.env;
    let Some(address) = set.or_else(|| from_variables(env, url.scheme())) else { return Ok(None) };
    if address.is_empty() {
        return Ok(None);
    }
    let address = if address.contains("://") { address } else { format!("http://{address}") };
    let proxy = Proxy::all(&address).context("the proxy's address cannot be read")?;
    let exceptions = first(env, &["no_proxy", "NO_PROXY"]);
    Ok(Some(proxy.no_proxy(exceptions.and_then(|list| NoProxy::from_string(&list)))))
}

/// `HTTP_PROXY` in capitals does not count: web servers set it from what they are sent.
fn from_variables(env: &Env, scheme: &str) -> Option<String> {
    let names: &[&str] = match scheme {
        "https" => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        _ => &["http_proxy", "all_proxy", "ALL_PROXY"],
    };
    first(env, names)
}

fn first(env: &Env, names: &[&str]) -> Option<String> {
    let value = names.iter().find_map(|name| env.variable(name))?;
    Some(value.to_string_lossy().into_owned())
}
