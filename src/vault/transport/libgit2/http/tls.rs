//! Which certificates are trusted: those that git was told of, else those of the system.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use reqwest::Url;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::vault::transport::libgit2::conversation::Conversation;

/// The client's side of TLS towards a URL. Without TLS no certificate is read.
pub(super) fn config(conversation: &Conversation, url: &Url) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let trust = match (url.scheme(), verifies(conversation, url)) {
        ("https", true) => Trust::known(trusted_certificates(conversation, url)?, &provider)?,
        ("https", false) => Trust::Any,
        _ => Trust::None,
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions()?;
    let verifier = Arc::new(Verifier { trust, provider });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn verifies(conversation: &Conversation, url: &Url) -> bool {
    let set = conversation.settings.for_url("http", "sslverify", url.as_str());
    let is_off = set.is_some_and(|value| {
        matches!(value.to_ascii_lowercase().as_str(), "false" | "no" | "off" | "0")
    });
    !is_off && conversation.env.variable("GIT_SSL_NO_VERIFY").is_none()
}

fn trusted_certificates(
    conversation: &Conversation,
    url: &Url,
) -> Result<Vec<CertificateDer<'static>>> {
    let env = &conversation.env;
    let set = conversation.settings.for_url("http", "sslcainfo", url.as_str());
    let set = set.map(|path| env.absolute(path.as_ref())).transpose()?;
    let file = env
        .variable("GIT_SSL_CAINFO")
        .map(PathBuf::from)
        .or(set)
        .or_else(|| env.variable("SSL_CERT_FILE").map(PathBuf::from));
    let Some(file) = file else {
        let found = rustls_native_certs::load_native_certs();
        ensure!(
            !found.certs.is_empty(),
            "this system has no certificates to trust: {:?}",
            found.errors
        );
        return Ok(found.certs);
    };
    let unreadable = || format!("certificates in `{}` cannot be read", file.display());
    CertificateDer::pem_file_iter(&file).and_then(Iterator::collect).with_context(unreadable)
}

/// Whom the client believes.
#[derive(Debug)]
enum Trust {
    /// Nobody: no connection here uses TLS, unless to a proxy, and that one is not configured.
    None,
    /// Everybody, as the user wants it.
    Any,
    /// Those whom these certificates vouch for, and the servers that show one of them.
    Known { authorities: Arc<WebPkiServerVerifier>, exact: Vec<CertificateDer<'static>> },
}

impl Trust {
    fn known(exact: Vec<CertificateDer<'static>>, provider: &Arc<CryptoProvider>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(exact.iter().cloned());
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let authorities = builder.build().context("there is no certificate to trust")?;
        Ok(Self::Known { authorities, exact })
    }
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (authorities, exact) = match &self.trust {
            Trust::None => return Err(CertificateError::UnknownIssuer.into()),
            Trust::Any => return Ok(ServerCertVerified::assertion()),
            Trust::Known { authorities, exact } => (authorities, exact),
        };
        match authorities.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // Who makes a certificate of their own makes it an authority as well, as a rule. Its
            // time was checked before.
            Err(error) if is_authority(&error) && exact.iter().any(|one| one == end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// True where a server's certificate is refused only as it could be an authority's.
fn is_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}
