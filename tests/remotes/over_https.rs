//! Remotes over https with a certificate that nobody knows yet.

use crate::home::{Machine, Transport, tells};
use crate::http::{HttpServer, Wants};
use crate::life::{everyday, live_on};

with_both_transports!(
    a_certificate_that_is_known,
    an_unknown_certificate_is_refused_with_the_way_out,
    a_user_who_trusts_any_certificate,
    a_proxy_leads_there,
    a_certificate_that_git_was_told_of,
    a_certificate_for_another_name_is_refused,
);

const WANTS: Wants = Wants { login: Some("tom:sesame"), tls: true };

fn a_certificate_that_is_known(transport: Transport) {
    let Some(server) = HttpServer::start(&WANTS) else { return };
    let certificate = server.certificate().file();
    everyday(server.bare(), &server.url_with("tom:sesame"), &|| {
        Machine::new(transport).secret("sesame").variable("SSL_CERT_FILE", &certificate)
    });
}

fn an_unknown_certificate_is_refused_with_the_way_out(transport: Transport) {
    let Some(server) = HttpServer::start(&WANTS) else { return };
    let machine = Machine::new(transport).secret("sesame");
    live_on(&machine, "anna");
    machine.init_here();
    let before = machine.git(&["config", "--list", "--local"]);
    let url = server.url_with("tom:sesame");
    let error = machine.error(&["backend", "set", "git", "--remote", &url]);
    assert_eq!(error["code"], "unreachable", "{error}");
    assert!(tells(&error["error"], &["certificate"]), "{error}");
    assert!(tells(&error["hint"], &["SSL_CERT_FILE"]), "{error}");
    assert_eq!(machine.git(&["config", "--list", "--local"]), before);
    let machine = machine.variable("SSL_CERT_FILE", server.certificate().file());
    machine.json(&["backend", "set", "git", "--remote", &url]);
    assert_eq!(server.bare().tip(), machine.git(&["rev-parse", "HEAD"]).trim());
}

fn a_certificate_for_another_name_is_refused(transport: Transport) {
    let Some(server) = HttpServer::with_certificate_for("DNS:elsewhere.invalid") else { return };
    let machine = Machine::new(transport).variable("SSL_CERT_FILE", server.certificate().file());
    live_on(&machine, "anna");
    machine.init_here();
    let error = machine.error(&["backend", "set", "git", "--remote", &server.url()]);
    assert!(tells(&error["error"], &["certificate"]), "{error}");
}

fn a_user_who_trusts_any_certificate(transport: Transport) {
    let Some(server) = HttpServer::start(&WANTS) else { return };
    let machine = Machine::new(transport);
    machine.git_setting("http.sslVerify", "false");
    live_on(&machine, "anna");
    machine.init(&server.url_with("tom:sesame"), "anna");
    assert_eq!(server.bare().tip(), machine.git(&["rev-parse", "HEAD"]).trim());
}

fn a_certificate_that_git_was_told_of(transport: Transport) {
    let Some(server) = HttpServer::start(&WANTS) else { return };
    let machine = Machine::new(transport);
    let file = server.certificate().file();
    machine.git_setting("http.sslCAInfo", file.to_str().unwrap());
    live_on(&machine, "anna");
    machine.init(&server.url_with("tom:sesame"), "anna");
    assert_eq!(server.bare().tip(), machine.git(&["rev-parse", "HEAD"]).trim());
}

fn a_proxy_leads_there(transport: Transport) {
    let (Some(server), Some(proxy)) = (HttpServer::start(&WANTS), HttpServer::open()) else {
        return;
    };
    let machine = Machine::new(transport)
        .variable("SSL_CERT_FILE", server.certificate().file())
        .variable("https_proxy", proxy.place(""));
    live_on(&machine, "anna");
    machine.init(&server.url_with("tom:sesame"), "anna");
    assert_eq!(server.bare().tip(), machine.git(&["rev-parse", "HEAD"]).trim());
    assert!(proxy.requests().iter().any(|request| request["method"] == "CONNECT"));
}
