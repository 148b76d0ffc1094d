//! The folder for what the tool keeps on one machine.

use std::io;

use camino::Utf8Path;

/// The name of the folder beside the manifest: local data, what was deployed from here.
pub const PRIVATE_FOLDER: &str = ".tiny";

/// Makes the folder at `path`, where it is not there yet, such that git leaves it alone.
pub fn make_private_folder(path: &Utf8Path) -> io::Result<()> {
    fs_err::create_dir_all(path)?;
    let ignore = path.join(".gitignore");
    if !ignore.exists() {
        fs_err::write(ignore, "*\n")?;
    }
    Ok(())
}
