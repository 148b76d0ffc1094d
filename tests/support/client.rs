use std::time::Duration;

/// Speaks HTTP and shows redirects as they are.
pub fn client() -> reqwest::Client {
    // Built together with the API client, reqwest has TLS and wants to know whose; a second call
    // changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        // While a test waits for a command nobody hears servers hang up, which they do after half a
        // minute.
        .pool_idle_timeout(Duration::from_secs(5))
        .build()
        .unwrap()
}
