//! wasm-bindgen of one version, with the options of its published program that a worker needs.
//! That program pulls in an HTTP server and a WebDriver client; this one compiles in a fifth of
//! the time. It is compiled outside the workspace, so it has to suit every version from 0.2.92 on.

fn main() {
    if let Err(why) = run(std::env::args().skip(1)) {
        eprintln!("error: {why}");
        std::process::exit(1);
    }
}

fn run(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen.typescript(false).demangle(false);
    let mut out = None;
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--target" => match value()?.as_str() {
                "web" => bindgen.web(true).map_err(|error| format!("{error:?}"))?,
                other => return Err(format!("unknown target {other}")),
            },
            "--out-dir" => {
                out = Some(value()?);
                &mut bindgen
            }
            "--out-name" => bindgen.out_name(&value()?),
            "--keep-debug" => bindgen.keep_debug(true),
            "--remove-producers-section" => bindgen.remove_producers_section(true),
            "--no-typescript" | "--no-demangle" => &mut bindgen,
            file => bindgen.input_path(file),
        };
    }
    let out = out.ok_or("--out-dir is missing")?;
    bindgen.generate(out).map_err(|error| format!("{error:?}"))
}
