//! The function that becomes a test. Its body is passed on as it is.

use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Ident, ReturnType, Token, Visibility, braced, parenthesized, token};

pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) name: Ident,
    pub(crate) output: ReturnType,
    pub(crate) body: TokenStream,
}

const WHAT_IT_IS_FOR: &str =
    "`#[tenure::test]` stands before a function: write `async fn name() { .. }` after it";

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        if let Some(second) = attributes.iter().find(|attribute| is_test(attribute)) {
            let text = "`#[tenure::test]` makes a test by itself: leave this attribute out";
            return Err(Error::new_spanned(second, text));
        }
        let visibility = input.parse()?;
        let is_async = input.parse::<Option<Token![async]>>()?.is_some();
        let start: Token![fn] = input
            .parse()
            .map_err(|error| Error::new(error.span(), WHAT_IT_IS_FOR))?;
        if !is_async {
            let text =
                "a test of tenure awaits: write `async fn`, or `#[test]` for a test that does not";
            return Err(Error::new(start.span, text));
        }
        let name = input.parse()?;
        if input.peek(Token![<]) {
            return Err(input.error("a test has no parameters: nobody calls it"));
        }
        let arguments;
        parenthesized!(arguments in input);
        if !arguments.is_empty() {
            return Err(arguments.error("a test takes no arguments: nobody calls it"));
        }
        let output = input.parse()?;
        if !input.peek(token::Brace) {
            return Err(input.error("a test has a body: write `{ .. }`"));
        }
        let body;
        braced!(body in input);
        Ok(Self {
            attributes,
            visibility,
            name,
            output,
            body: body.parse()?,
        })
    }
}

/// Whether it makes a test, as `#[test]` and `#[tokio::test]` do.
fn is_test(attribute: &Attribute) -> bool {
    let path = attribute.path();
    path.segments
        .last()
        .is_some_and(|last| last.ident == "test")
}

impl Function {
    /// The span of the return type, or of the name if there is none.
    pub(crate) fn output_span(&self) -> Span {
        use syn::spanned::Spanned;
        match &self.output {
            ReturnType::Type(_, output) => output.span(),
            ReturnType::Default => self.name.span(),
        }
    }
}
