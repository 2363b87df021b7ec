//! `#[tenure::test]`. Its documentation is that of `tenure`, which re-exports it.

#![forbid(unsafe_code)]

mod expand;
mod function;
mod options;

use proc_macro::TokenStream;
use syn::parse_macro_input;

use function::Function;
use options::Options;

/// Makes a test of an `async fn`. The test fails if anything outlives it.
///
/// It is documented where `tenure` re-exports it.
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as Options);
    let function = parse_macro_input!(item as Function);
    expand::expand(&options, &function).into()
}
