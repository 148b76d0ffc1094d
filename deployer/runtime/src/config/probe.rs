//! The configuration of a probe: the worker's modules, and one before them that looks at it.

use super::capnp::{self, Value, fields, text};
use super::extensions::Extensions;
use super::module_of;
use crate::blobs::Blobs;
use crate::probe::ProbeRequest;
use crate::stack::ModuleKind;

/// The name of the service, and of its socket.
pub(crate) const PROBE: &str = "probe";

/// No file that somebody uploads is called this.
const MAIN: &str = "tiny-internal-probe.js";

pub(crate) fn probe(
    request: &ProbeRequest,
    newest_date: &str,
    blobs: &mut Blobs,
) -> std::io::Result<String> {
    let main = request
        .modules
        .iter()
        .find(|module| module.name == request.main);
    let code = match main {
        Some(main) if main.kind == ModuleKind::Script => {
            let before = include_str!("../scripts/probe_script.js").trim_end();
            let script = [before.as_bytes(), &main.body].concat();
            ("serviceWorkerScript", Value::Embed(blobs.put(&script)?))
        }
        _ => {
            let main = serde_json::Value::from(format!("./{}", request.main)).to_string();
            let script = include_str!("../scripts/probe.js").replacen("\"worker:main\"", &main, 1);
            let mut modules = vec![fields! {
                "name": text(MAIN),
                "esModule": Value::Embed(blobs.put(script.as_bytes())?),
            }];
            for module in &request.modules {
                modules.push(module_of(module, blobs)?);
            }
            ("modules", Value::List(modules))
        }
    };
    let date = request.compatibility_date.as_str().min(newest_date);
    let worker = Value::Struct(vec![
        code,
        ("compatibilityDate", text(date)),
        (
            "compatibilityFlags",
            capnp::texts(request.compatibility_flags.iter().map(String::as_str)),
        ),
    ]);
    let mut extensions = Extensions::default();
    // What `cloudflare:email` is made of; code may import it.
    extensions.email_message();
    let config = fields! {
        "services": Value::List(vec![fields! { "name": text(PROBE), "worker": worker }]),
        "sockets": Value::List(vec![fields! {
            "name": text(PROBE),
            "http": Value::Struct(Vec::new()),
            "service": text(PROBE),
        }]),
        "extensions": extensions.finish(blobs)?,
        "structuredLogging": Value::Flag(true),
    };
    Ok(super::file(&config))
}
