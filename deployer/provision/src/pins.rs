//! The packages that tiny fetches, each with the hash its tarball must have.

/// One npm package at one version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// As `npm view NAME@VERSION dist.integrity` prints it.
    pub(crate) integrity: &'static str,
    /// Size of the tarball, for the progress bar only.
    pub(crate) bytes: u64,
}

/// workerd for this machine, if there is such a build.
pub(crate) fn workerd() -> Option<Package> {
    Some(match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Package {
            name: "@cloudflare/workerd-linux-64",
            version: "1.20261117.1",
            integrity: "sha512-gZLA8X11m/luZwn+YA3+mDu61vdxNJzpksP/QZqjydKTQ+VUCulsK5gtn9Bqst1p3KJu2kafQpJ1nDQv4B23jA==",
            bytes: 46_705_140,
        },
        ("linux", "aarch64") => Package {
            name: "@cloudflare/workerd-linux-arm64",
            version: "1.20261117.1",
            integrity: "sha512-gxWngFojq41ULKNKb9rpWYvKotN5hT2I/xot+Bpy31cXzrwcTgtDLSMb2t75sW5BJxH7hihFvikgYb577kB3Zg==",
            bytes: 44_000_000,
        },
        // The newest builds for macOS whose hashes could be verified.
        ("macos", "x86_64") => Package {
            name: "@cloudflare/workerd-darwin-64",
            version: "1.20261023.1",
            integrity: "sha512-lsEx0i7nR0PNG/erUFFHmQmiidEhLfDE5uQmAL9421/y4/ycuxDDOSaxu3VGGYFFPK5sduyUeMmjIlX4CwOBFg==",
            bytes: 38_000_000,
        },
        ("macos", "aarch64") => Package {
            name: "@cloudflare/workerd-darwin-arm64",
            version: "1.20261023.1",
            integrity: "sha512-5e79fHgabdDD8EgmjOhJ1S+xMsf6DbC7fL7IgTBizMnzOp0P2isDn7pYmUxI9AJZE9FVQ4RUilH/I36YNg+GQQ==",
            bytes: 36_000_000,
        },
        _ => return None,
    })
}

/// The package whose simulator scripts stand in for Cloudflare's products.
pub(crate) const MINIFLARE: Package = Package {
    name: "miniflare",
    version: "4.20260730.0",
    integrity: "sha512-1Z9SB9r/o//80UA02Re3QhtcecSHAyAjf5EcKBfQVlQrCg7Miy79hl2PvtkwFLIaJ5rcrOPdDcRr577okwZPsg==",
    bytes: 1_700_000,
};

/// The package whose wasm-opt makes releases smaller.
pub(crate) const BINARYEN: Package = Package {
    name: "binaryen",
    version: "132.0.0",
    integrity: "sha512-4Usg7yEvwO3FMso3Oov6qkOOHSod1IEv+boKkh77kTljM+eNBouqCTbqWswGzbG+vDNO/b/v2C4gfEh1WgB9Lg==",
    bytes: 23_273_804,
};

/// The oldest workerd that runs those scripts: the one they were released with.
pub(crate) const OLDEST_WORKERD: &str = "2026-07-30";
