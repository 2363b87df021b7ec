//! The options in the parentheses of the attribute.

use std::time::Duration;

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitBool, LitInt, LitStr, Path, Token, parenthesized};

const KNOWN: &str = "there are `flavor`, `worker_threads`, `paused`, `start_paused`, `timeout`, `patience`, `allow` and \
                     `crate`";

#[derive(Default)]
pub(crate) struct Options {
    /// Where `multi_thread` is asked for.
    multi_thread: Option<Span>,
    flavor: Option<Span>,
    pub(crate) worker_threads: Option<(usize, Span)>,
    pub(crate) paused: Option<(bool, Span)>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) patience: Option<Duration>,
    pub(crate) allowed: Vec<Allowed>,
    pub(crate) tenure: Option<Path>,
}

/// What may be alive at the end of the test.
pub(crate) enum Allowed {
    Path(LitStr),
    Type(LitStr),
    Site(LitStr),
    Outside(LitInt),
}

impl Options {
    pub(crate) fn is_multi_thread(&self) -> bool {
        self.multi_thread.is_some()
    }

    fn read(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match name.to_string().as_str() {
            "flavor" => {
                once(&self.flavor, name)?;
                self.flavor = Some(name.span());
                self.read_flavor(&value(name, "\"multi_thread\"", input)?)
            }
            "worker_threads" => {
                once(&self.worker_threads, name)?;
                let number: LitInt = value(name, "2", input)?;
                self.worker_threads = Some((at_least_one(&number)?, name.span()));
                Ok(())
            }
            "start_paused" => {
                once(&self.paused, name)?;
                let on: LitBool = value(name, "true", input)?;
                self.paused = Some((on.value, name.span()));
                Ok(())
            }
            "paused" => {
                once(&self.paused, name)?;
                if input.peek(Token![=]) {
                    return Err(input.error("`paused` has no value: write `paused` alone"));
                }
                self.paused = Some((true, name.span()));
                Ok(())
            }
            "timeout" => {
                once(&self.timeout, name)?;
                self.timeout = Some(duration(&value(name, "\"5s\"", input)?)?);
                Ok(())
            }
            "patience" => {
                once(&self.patience, name)?;
                self.patience = Some(duration(&value(name, "\"5s\"", input)?)?);
                Ok(())
            }
            "allow" => self.read_allowed(name, input),
            "crate" => {
                once(&self.tenure, name)?;
                let path: LitStr = value(name, "\"the_name_it_has\"", input)?;
                let bad = |_| {
                    Error::new(
                        path.span(),
                        "this is no path of a crate, such as \"my_tenure\"",
                    )
                };
                self.tenure = Some(path.parse_with(Path::parse_mod_style).map_err(bad)?);
                Ok(())
            }
            _ => Err(Error::new(
                name.span(),
                format!("there is no option `{name}`: {KNOWN}"),
            )),
        }
    }

    fn read_flavor(&mut self, flavor: &LitStr) -> syn::Result<()> {
        match flavor.value().as_str() {
            "current_thread" => Ok(()),
            "multi_thread" => {
                self.multi_thread = Some(flavor.span());
                Ok(())
            }
            other => Err(Error::new(
                flavor.span(),
                format!(
                    "there is no flavor `{other}`: write \"current_thread\" or \"multi_thread\""
                ),
            )),
        }
    }

    fn read_allowed(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        const FORM: &str =
            "write `allow(path = \"/a/b\")`, or `type`, `site` or `outside` instead of `path`";
        if !input.peek(syn::token::Paren) {
            return Err(Error::new(name.span(), FORM));
        }
        let inner;
        parenthesized!(inner in input);
        if inner.is_empty() {
            return Err(Error::new(name.span(), FORM));
        }
        while !inner.is_empty() {
            let what = inner.call(Ident::parse_any)?;
            self.allowed.push(match what.to_string().as_str() {
                "path" => Allowed::Path(value(&what, "\"/a/b\"", &inner)?),
                "type" => Allowed::Type(value(&what, "\"Till\"", &inner)?),
                "site" => Allowed::Site(value(&what, "\"tests/shop.rs\"", &inner)?),
                "outside" => Allowed::Outside(value(&what, "1", &inner)?),
                other => {
                    let text = format!("nothing is allowed by `{other}`: {FORM}");
                    return Err(Error::new(what.span(), text));
                }
            });
            comma(&inner)?;
        }
        Ok(())
    }

    /// Refuses options that contradict each other.
    fn check(&self) -> syn::Result<()> {
        if let Some((true, span)) = self.paused
            && self.is_multi_thread()
        {
            let text = "a clock can be paused on one thread only: leave this out, or `flavor = \"multi_thread\"`";
            return Err(Error::new(span, text));
        }
        if let Some((_, span)) = self.worker_threads
            && !self.is_multi_thread()
        {
            let text =
                "there is one thread: write `flavor = \"multi_thread\"` as well, or leave this out";
            return Err(Error::new(span, text));
        }
        Ok(())
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            // `parse_any`, since `crate` is a keyword.
            let name = input.call(Ident::parse_any)?;
            options.read(&name, input)?;
            comma(input)?;
        }
        options.check()?;
        Ok(options)
    }
}

fn once<T>(known: &Option<T>, name: &Ident) -> syn::Result<()> {
    match known {
        None => Ok(()),
        Some(_) => Err(Error::new(
            name.span(),
            format!("`{name}` has been said before"),
        )),
    }
}

/// Reads the value of an option. `such_as` is an example for the error.
fn value<T: Parse>(name: &Ident, such_as: &str, input: ParseStream<'_>) -> syn::Result<T> {
    let form = |span| Error::new(span, format!("write `{name} = {such_as}`"));
    if !input.peek(Token![=]) {
        return Err(form(name.span()));
    }
    input.parse::<Token![=]>()?;
    input.parse().map_err(|error| form(error.span()))
}

fn comma(input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() {
        return Ok(());
    }
    let comma = input.parse::<Token![,]>().map(drop);
    comma.map_err(|error| Error::new(error.span(), "a comma stands between two options"))
}

fn at_least_one(number: &LitInt) -> syn::Result<usize> {
    match number.base10_parse() {
        Ok(0) => Err(Error::new(
            number.span(),
            "a runtime has at least one worker",
        )),
        parsed => parsed,
    }
}

/// A time such as `500ms`, `5s` or `2m`.
fn duration(text: &LitStr) -> syn::Result<Duration> {
    let value = text.value();
    let digits = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let number = number.parse::<u64>().ok();
    let time = number.and_then(|number| match unit.trim() {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    });
    time.ok_or_else(|| {
        Error::new(
            text.span(),
            "a time is a whole number and a unit: \"500ms\", \"5s\" or \"2m\"",
        )
    })
}
