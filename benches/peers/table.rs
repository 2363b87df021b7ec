//! See the library.

fn main() {
    tenure_peers::run();
}
