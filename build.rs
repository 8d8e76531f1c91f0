//! Has the dashboard embedded anew when it was built anew. Only a release build embeds it: others
//! read `web/dist` while they run, so that a change of the page compiles nothing here.

#[allow(clippy::disallowed_methods)] // only cargo's environment knows the profile
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    // A path that is missing would make every build a fresh one.
    if is_release && std::path::Path::new("web/dist").is_dir() {
        println!("cargo:rerun-if-changed=web/dist");
    }
}
