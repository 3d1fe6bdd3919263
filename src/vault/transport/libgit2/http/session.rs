//! Where requests go and with which login. A login is for one origin: scheme, host and port.

use std::io;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, Response, StatusCode, Url};

use super::client::Client;
use crate::error::{ErrorKind, Failure};
use crate::vault::transport::address::{Login, decoded};
use crate::vault::transport::libgit2::conversation::Conversation;
use crate::vault::transport::libgit2::credential_helper::{self, Asker};
use crate::vault::transport::url_match::UrlParts;

/// More hops are a circle.
const MOST_REDIRECTS: usize = 5;
/// Most bytes of a page that explains an error.
const MOST_WORDS: usize = 4096;

/// The requests of one conversation.
pub(super) struct Session {
    pub(super) conversation: Arc<Conversation>,
    place: Option<Place>,
    pub(super) client: Option<Arc<Client>>,
}

/// Where the repository is, and who we are there.
struct Place {
    /// Without a login and without a slash at its end.
    url: Url,
    /// What the address carries; it is forgotten at another origin.
    own: Option<Login>,
    /// What was taken, or is tried.
    login: Option<(String, String)>,
}

impl Session {
    pub(super) fn new(conversation: Arc<Conversation>) -> Self {
        Self { conversation, place: None, client: None }
    }

    /// Goes to a repository; one that moved is known already.
    pub(super) fn open(&mut self, url: &str) -> io::Result<()> {
        if self.place.is_none() {
            self.place = Some(Place::parse(url).ok_or_else(|| odd("the address is not a URL"))?);
        }
        Ok(())
    }

    pub(super) fn close(&mut self) {
        self.client = None;
    }

    /// Asks for the references that a service has.
    pub(super) fn list(&mut self, service: &str) -> io::Result<Response> {
        for _ in 0..=MOST_REDIRECTS {
            let url = self.place()?.below(&format!("info/refs?service={service}"));
            let response = self.authorized(|client| {
                let accepted = format!("application/x-{service}-advertisement");
                client.get(url.clone()).header(ACCEPT, accepted)
            })?;
            if response.status().is_redirection() {
                self.follow(&response)?;
                continue;
            }
            let response = self.ensure_success(response)?;
            let expected = format!("application/x-{service}-advertisement");
            let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
            if kind.is_none_or(|kind| !kind.starts_with(&expected)) {
                return Err(odd("the server's answer does not appear to be a git repository's"));
            }
            return Ok(response);
        }
        Err(odd("the server redirects in a circle"))
    }

    /// A request to a service; its body is still to come.
    pub(super) fn request(&mut self, service: &str) -> io::Result<(Arc<Client>, RequestBuilder)> {
        let client = self.client()?;
        let url = self.place()?.below(service);
        let request = self.dressed(client.post(url))?;
        let request = request
            .header(CONTENT_TYPE, format!("application/x-{service}-request"))
            .header(ACCEPT, format!("application/x-{service}-result"));
        Ok((client, request))
    }

    /// Sends a whole request to a service.
    pub(super) fn post(&mut self, service: &str, body: &Bytes) -> io::Result<Response> {
        let url = self.place()?.below(service);
        self.authorized(|client| {
            client
                .post(url.clone())
                .header(CONTENT_TYPE, format!("application/x-{service}-request"))
                .header(ACCEPT, format!("application/x-{service}-result"))
                .body(body.clone())
        })
    }

    /// Sends a request, again with a login where the server asks for one.
    fn authorized(&mut self, request: impl Fn(&Client) -> RequestBuilder) -> io::Result<Response> {
        loop {
            let client = self.client()?;
            let dressed = self.dressed(request(&client))?;
            let response = client.send(dressed, &self.conversation)?;
            let asks = response.status() == StatusCode::UNAUTHORIZED;
            if !asks || !takes_password(&response) || !self.log_in()? {
                return Ok(response);
            }
        }
    }

    /// # Errors
    /// Where a server does not do what it was asked, with the beginning of what it says.
    pub(super) fn ensure_success(&self, mut response: Response) -> io::Result<Response> {
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        let is_text = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/plain");
        if let (true, Some(client)) = (is_text, &self.client) {
            let chunk = client.wait(response.chunk(), &self.conversation)?;
            let words = chunk.ok().flatten().unwrap_or_default();
            self.conversation.said(&words[..words.len().min(MOST_WORDS)]);
        }
        Err(odd(&format!("unexpected http status code: {}", status.as_u16())))
    }

    fn place(&self) -> io::Result<&Place> {
        self.place.as_ref().ok_or_else(|| odd("the repository's address is not known"))
    }

    fn client(&mut self) -> io::Result<Arc<Client>> {
        if let Some(client) = &self.client {
            return Ok(Arc::clone(client));
        }
        let made = Client::new(&self.conversation, &self.place()?.url);
        let client = Arc::new(made.map_err(|error| odd(&format!("{error:#}")))?);
        self.client = Some(Arc::clone(&client));
        Ok(client)
    }

    /// A request with the user's own headers and the login.
    fn dressed(&self, mut request: RequestBuilder) -> io::Result<RequestBuilder> {
        let place = self.place()?;
        for line in
            self.conversation.settings.all_for_url("http", "extraheader", place.url.as_str())
        {
            let header = line.split_once(':').and_then(|(name, value)| {
                let value = HeaderValue::from_str(value.trim()).ok()?;
                Some((name.trim().parse::<HeaderName>().ok()?, value))
            });
            let (name, value) = header.ok_or_else(|| odd("`http.extraHeader` is not a header"))?;
            request = request.header(name, value);
        }
        Ok(match &place.login {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        })
    }

    /// Takes a login for the next try; false where none is left.
    fn log_in(&mut self) -> io::Result<bool> {
        let conversation = Arc::clone(&self.conversation);
        let Some(place) = &mut self.place else { return Ok(false) };
        if place.login.is_some() {
            return Ok(false);
        }
        let login = place.find_login(&conversation).map_err(|error| conversation.fail(error))?;
        let is_found = login.is_some();
        place.login = login;
        Ok(is_found)
    }

    /// Goes where the first answer leads, without any login of the first host.
    fn follow(&mut self, response: &Response) -> io::Result<()> {
        let conversation = &self.conversation;
        let from = self.place()?;
        let target = response.headers().get(LOCATION).and_then(|target| target.to_str().ok());
        let target = target.and_then(|target| response.url().join(target).ok());
        let target = target.ok_or_else(|| odd("the server redirects to nowhere"))?;
        let to =
            Place::of_list(&target).ok_or_else(|| odd("the server redirects to something else"))?;
        let set = conversation.settings.for_url("http", "followredirects", from.url.as_str());
        let is_off =
            set.is_some_and(|value| matches!(value.as_str(), "false" | "no" | "off" | "0"));
        let headers = conversation.settings.all_for_url("http", "extraheader", from.url.as_str());
        let is_weaker = from.url.scheme() == "https" && to.url.scheme() != "https";
        if is_off || is_weaker || from.own.is_some() || !headers.is_empty() {
            return Err(conversation.fail(not_followed(&conversation.remote.to_string(), &to.url)));
        }
        let is_same = from.url.origin() == to.url.origin();
        let login = from.login.clone().filter(|_| is_same);
        self.client = None;
        self.place = Some(Place { login, ..to });
        Ok(())
    }
}

impl Place {
    fn parse(url: &str) -> Option<Self> {
        let mut url = Url::parse(url).ok()?;
        let own = (!url.username().is_empty() || url.password().is_some()).then(|| Login {
            name: decoded(url.username()),
            password: url.password().map(decoded),
        });
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        url.set_query(None);
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Some(Self { url, own, login: None })
    }

    /// The repository whose list of references is here.
    fn of_list(url: &Url) -> Option<Self> {
        let is_http = matches!(url.scheme(), "http" | "https");
        let path = url.path().strip_suffix("/info/refs").filter(|_| is_http)?.to_owned();
        let mut base = url.clone();
        base.set_path(&path);
        // What the server writes there is no login of ours.
        Self::parse(base.as_str()).map(|place| Self { own: None, ..place })
    }

    fn below(&self, rest: &str) -> Url {
        let (path, query) = rest.split_once('?').map_or((rest, None), |(p, q)| (p, Some(q)));
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{path}", self.url.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }

    /// The address's own login, else that of the user's helpers.
    fn find_login(&self, conversation: &Conversation) -> Result<Option<(String, String)>> {
        if let Some(Login { name, password: Some(password) }) = &self.own {
            return Ok(Some((name.clone(), password.clone())));
        }
        let user = self.own.as_ref().map(|login| login.name.as_str());
        let programs = conversation.programs();
        let asker =
            Asker { env: &conversation.env, programs: &programs, limits: conversation.limits };
        let Some(query) = UrlParts::new(self.url.as_str(), user) else { return Ok(None) };
        let known = credential_helper::ask(&query, &conversation.settings, &asker)?;
        // A lone name may be a token.
        Ok(known.or_else(|| user.map(|user| (user.to_owned(), String::new()))))
    }
}

/// True where a server that lets nobody in would take name and password.
fn takes_password(response: &Response) -> bool {
    let offers = response.headers().get_all(WWW_AUTHENTICATE);
    offers.iter().filter_map(|offer| offer.to_str().ok()).any(|offer| {
        offer.to_ascii_lowercase().split(',').any(|one| one.trim_start().starts_with("basic"))
    })
}

fn not_followed(remote: &str, target: &Url) -> anyhow::Error {
    let message = format!(
        "`{remote}` redirects to `{target}`, which is not followed with a login or against the settings"
    );
    Failure::new(ErrorKind::Unreachable, message)
        .hint(format!("if you trust it: `claude-backup backend set git --remote {target}`"))
        .into()
}

pub(super) fn odd(words: &str) -> io::Error {
    io::Error::other(words.replace('\0', " "))
}
