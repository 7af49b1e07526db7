// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What `include/rbshim.h` holds: the exported functions and the version.

/// The header's text for the crate in `root`.
pub fn generate(root: &str) -> cbindgen::Bindings {
    let mut config = cbindgen::Config::from_root_or_default(root);
    config.after_includes = Some(version_macros());
    cbindgen::generate_with_config(root, config).expect("cbindgen understands the source")
}

/// `RBSHIM_VERSION` as a string, and its parts as numbers for `#if`.
fn version_macros() -> String {
    format!(
        "\n#define RBSHIM_VERSION \"{}\"\n#define RBSHIM_VERSION_MAJOR {}\n\
         #define RBSHIM_VERSION_MINOR {}\n#define RBSHIM_VERSION_PATCH {}",
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH")
    )
}
