//! Generates the test. All of its code could be written by hand.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Path, parse_quote};

use crate::function::Function;
use crate::options::{Allowed, Options};

pub(crate) fn expand(options: &Options, function: &Function) -> TokenStream {
    let tenure = options
        .tenure
        .clone()
        .unwrap_or_else(|| parse_quote!(::tenure));
    let Function {
        attributes,
        visibility,
        name,
        output,
        body,
    } = function;
    let runtime = runtime(options, &tenure);
    let settings = settings(options);
    // An error about the return type points at it in the user's code.
    let run = quote_spanned!(function.output_span()=> check.run(runtime, body));
    quote! {
        #(#attributes)*
        #[::core::prelude::v1::test]
        #visibility fn #name() #output {
            let body = async { #body };
            let runtime = #runtime;
            let check = #tenure::testing::LeakCheck::on(runtime.handle())#settings;
            #run
        }
    }
}

fn runtime(options: &Options, tenure: &Path) -> TokenStream {
    let hidden = quote!(#tenure::testing::for_macros);
    let new = if options.is_multi_thread() {
        quote!(new_multi_thread)
    } else {
        quote!(new_current_thread)
    };
    let workers = options
        .worker_threads
        .map(|(number, span)| quote_spanned!(span=> .worker_threads(#number)));
    // If tokio lacks the feature, the error points at the option.
    let paused = options.paused.map(|(on, span)| {
        let span = span.resolved_at(Span::mixed_site());
        quote_spanned!(span=> .start_paused(#on))
    });
    let import = paused.as_ref().map(|_| {
        quote! {
            #[allow(unused_imports)]
            use #hidden::StartPaused as _;
        }
    });
    quote! {
        {
            #import
            #hidden::Builder::#new()
                .enable_all()
                #workers
                #paused
                .build()
                .expect("a runtime for the test")
        }
    }
}

fn settings(options: &Options) -> TokenStream {
    let millis = |time: std::time::Duration| {
        // A longer time counts as for ever.
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        quote!(::core::time::Duration::from_millis(#millis))
    };
    let timeout = options
        .timeout
        .map(millis)
        .map(|time| quote!(.timeout(#time)));
    let patience = options
        .patience
        .map(millis)
        .map(|time| quote!(.patience(#time)));
    let allowed = options.allowed.iter().map(|allowed| match allowed {
        Allowed::Path(path) => quote!(.allow_path(#path)),
        Allowed::Type(name) => quote!(.allow_type(#name)),
        Allowed::Site(site) => quote!(.allow_site(#site)),
        Allowed::Outside(tasks) => quote!(.allow_outside(#tasks)),
    });
    quote!(#timeout #patience #(#allowed)*)
}
