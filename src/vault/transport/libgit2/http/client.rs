//! The http client and what drives it, made when the first connection is opened.

use std::error::Error as _;
use std::io;
use std::pin::pin;

use anyhow::{Context, Result};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, Url};
use tokio::runtime::{Builder, Runtime};

use super::{proxy, tls};
use crate::vault::transport::libgit2::conversation::{Conversation, TICK};

/// A client for one host, its proxy and its certificates.
pub(super) struct Client {
    client: reqwest::Client,
    runtime: Option<Runtime>,
}

impl Client {
    pub(super) fn new(conversation: &Conversation, url: &Url) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let builder = reqwest::Client::builder()
            .http1_only()
            .redirect(Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .user_agent(concat!("git/2.0 (claude-backup ", env!("CARGO_PKG_VERSION"), ")"))
            .tls_backend_preconfigured(tls::config(conversation, url)?);
        let builder = match proxy::of(conversation, url)? {
            Some(proxy) => builder.proxy(proxy),
            None => builder,
        };
        let client = builder.build().context("the http client does not start")?;
        Ok(Self { client, runtime: Some(runtime.context("the http client does not start")?) })
    }

    pub(super) fn get(&self, url: Url) -> RequestBuilder {
        self.client.get(url)
    }

    pub(super) fn post(&self, url: Url) -> RequestBuilder {
        self.client.post(url)
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) fn send(
        &self,
        request: RequestBuilder,
        conversation: &Conversation,
    ) -> io::Result<Response> {
        self.wait(request.send(), conversation)?.map_err(describe)
    }

    /// Lets a request go on whenever somebody waits for something.
    pub(super) fn spawn(
        &self,
        request: RequestBuilder,
    ) -> tokio::task::JoinHandle<reqwest::Result<Response>> {
        self.runtime().spawn(request.send())
    }

    /// Waits for anything of this client.
    pub(super) fn wait<T>(
        &self,
        future: impl Future<Output = T>,
        conversation: &Conversation,
    ) -> io::Result<T> {
        let mut future = pin!(future);
        conversation.wait(|| {
            self.runtime()
                .block_on(async { tokio::time::timeout(TICK, future.as_mut()).await.ok() })
        })
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is taken by drop alone")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The system's resolver cannot be stopped, and is not waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A failed request in words, without its address.
pub(super) fn describe(error: reqwest::Error) -> io::Error {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    io::Error::other(words.replace('\0', " "))
}
