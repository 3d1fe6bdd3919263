//! A login is for the scheme, host and port that it belongs to, and for nobody else.

use serde_json::json;

use crate::home::{Machine, Transport, tells};
use crate::http::{HttpServer, Wants};
use crate::life::live_on;

with_both_transports!(
    a_login_in_the_address_is_not_sent_where_the_host_redirects_to,
    a_header_of_the_user_is_not_sent_where_the_host_redirects_to,
    a_helper_is_asked_for_the_host_that_was_redirected_to,
    a_proxy_that_asks_for_a_password_does_not_get_the_remotes,
);

const LOGIN: Wants = Wants { login: Some("tom:sesame"), tls: false };

/// Two servers, the first of which leads to the second under another name of this machine.
fn redirecting() -> Option<(HttpServer, HttpServer)> {
    let (first, second) = (HttpServer::open()?, HttpServer::start(&LOGIN)?);
    let target = second.url().replace("127.0.0.1", "localhost");
    first.mood(&json!({"moved": ["/backup.git", target]}));
    Some((first, second))
}

fn refused(machine: &Machine, url: &str) -> serde_json::Value {
    live_on(machine, "anna");
    machine.init_here();
    machine.error(&["backend", "set", "git", "--remote", url])
}

fn assert_heard_no_login(server: &HttpServer) {
    for request in server.requests() {
        assert_eq!(request["user"], json!(null), "{request}");
    }
}

fn a_login_in_the_address_is_not_sent_where_the_host_redirects_to(transport: Transport) {
    let Some((first, second)) = redirecting() else { return };
    let machine = Machine::new(transport).secret("sesame");
    let error = refused(&machine, &first.url_with("tom:sesame"));
    assert!(tells(&error["error"], &["redirects"]), "{error}");
    assert_heard_no_login(&second);
}

fn a_header_of_the_user_is_not_sent_where_the_host_redirects_to(transport: Transport) {
    let Some((first, second)) = redirecting() else { return };
    let machine = Machine::new(transport);
    machine.git_setting("http.extraHeader", "Authorization: Basic dG9tOnNlc2FtZQ==");
    let error = refused(&machine, &first.url());
    assert!(tells(&error["error"], &["redirects"]), "{error}");
    assert_heard_no_login(&second);
}

fn a_helper_is_asked_for_the_host_that_was_redirected_to(transport: Transport) {
    let Some((first, second)) = redirecting() else { return };
    let machine = Machine::new(transport).program("cat");
    let (asked, script) = (machine.home("asked"), "echo username=tom; echo password=sesame");
    let helper = format!("!f() {{ cat >> '{}'; {script}; }}; f", asked.display());
    machine.git_setting("credential.helper", &helper);
    live_on(&machine, "anna");
    machine.init(&first.url(), "anna");
    let asked = std::fs::read_to_string(asked).unwrap();
    assert!(asked.contains("host=localhost:") && !asked.contains("host=127.0.0.1"), "{asked}");
    assert_eq!(second.bare().tip(), machine.git(&["rev-parse", "HEAD"]).trim());
}

fn a_proxy_that_asks_for_a_password_does_not_get_the_remotes(transport: Transport) {
    let Some(proxy) = HttpServer::open() else { return };
    proxy.mood(&json!({"fail": 407}));
    let machine = Machine::new(transport).secret("sesame").variable("http_proxy", proxy.place(""));
    let error = refused(&machine, "http://tom:sesame@backups.invalid/backup.git");
    assert!(tells(&error["error"], &["proxy"]), "{error}");
    assert!(!proxy.requests().is_empty());
    assert_heard_no_login(&proxy);
}
