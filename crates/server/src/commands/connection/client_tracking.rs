//! CLIENT TRACKING: tells the client when keys change that it may hold a copy of.

use std::collections::BTreeSet;

use firth_resp::Request;

use crate::args::{Args, is_word};
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX, printable};
use crate::spec::{Flags, Group, Spec};
use crate::tracking::{self, OwnChanges, Scope, Tracking};

pub(super) const SPEC: Spec = Spec {
    name: "client|tracking",
    syntax: "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] \
             [OPTOUT] [NOLOOP]",
    summary: "Tells the client when keys change that it may hold a copy of.",
    since: "6.0.0",
    complexity: "O(1), with prefixes O(N) with N prefixes",
    group: Group::Connection,
    arity: -3,
    flags: Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

const NO_SUCH_CLIENT: ReplyError =
    ReplyError::fixed("ERR The client ID you want redirect to does not exist");
const ONE_REDIRECT: ReplyError =
    ReplyError::fixed("ERR A client can only redirect to a single other client");
const PREFIX_WITHOUT_BCAST: ReplyError =
    ReplyError::fixed("ERR PREFIX option requires BCAST mode to be enabled");
const BCAST_SWITCHED: ReplyError = ReplyError::fixed(
    "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then \
     re-enabling it with a different mode.",
);
const BCAST_WITH_OPT: ReplyError =
    ReplyError::fixed("ERR OPTIN and OPTOUT are not compatible with BCAST");
const OPTIN_WITH_OPTOUT: ReplyError =
    ReplyError::fixed("ERR You can't specify both OPTIN mode and OPTOUT mode");
const OPT_SWITCHED: ReplyError = ReplyError::fixed(
    "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then \
     re-enabling it with a different mode.",
);

/// The options as they were given.
#[derive(Debug, Default)]
struct Options<'a> {
    redirect: Option<u64>,
    prefixes: Vec<&'a [u8]>,
    bcast: bool,
    optin: bool,
    optout: bool,
    noloop: bool,
}

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let switch = args.take()?;
    let options = parse(cx, args)?;
    if is_word(switch, "OFF") {
        tracking::drop_client(cx.server, cx.session);
    } else if is_word(switch, "ON") {
        let scope = scope(&options, cx.session.tracking.as_deref())?;
        let own_changes = if options.noloop { OwnChanges::Skipped } else { OwnChanges::Told };
        let is_caching_called =
            cx.session.tracking.as_ref().is_some_and(|tracking| tracking.is_caching_called);
        let redirect = options.redirect;
        let tracking = Tracking { scope, own_changes, redirect, is_caching_called };
        tracking::enable(cx.server, cx.session, tracking);
    } else {
        return Err(SYNTAX);
    }
    cx.reply().ok();
    Ok(())
}

fn parse<'a>(cx: &Context<'_, '_>, mut args: Args<'a>) -> Result<Options<'a>, ReplyError> {
    let mut options = Options::default();
    while args.left() > 0 {
        if args.take_word("BCAST") {
            options.bcast = true;
        } else if args.take_word("OPTIN") {
            options.optin = true;
        } else if args.take_word("OPTOUT") {
            options.optout = true;
        } else if args.take_word("NOLOOP") {
            options.noloop = true;
        } else if args.take_word("PREFIX") {
            options.prefixes.push(args.take()?);
        } else if args.take_word("REDIRECT") {
            let id = args.peek().ok_or(SYNTAX)?;
            if options.redirect.is_some() {
                return Err(ONE_REDIRECT);
            }
            args.take()?;
            let id = crate::args::integer(id)?;
            let target = u64::try_from(id).ok().filter(|id| cx.server.clients.get(*id).is_some());
            options.redirect = Some(target.ok_or(NO_SUCH_CLIENT)?);
        } else {
            return Err(SYNTAX);
        }
    }
    Ok(options)
}

/// Returns what the options ask for, if they agree with each other and with how the client tracks
/// keys now.
fn scope(options: &Options<'_>, now: Option<&Tracking>) -> Result<Scope, ReplyError> {
    let now = now.map(|tracking| &tracking.scope);
    if !options.bcast && !options.prefixes.is_empty() {
        return Err(PREFIX_WITHOUT_BCAST);
    }
    if now.is_some_and(|now| matches!(now, Scope::Prefixes(_)) != options.bcast) {
        return Err(BCAST_SWITCHED);
    }
    if options.bcast && (options.optin || options.optout) {
        return Err(BCAST_WITH_OPT);
    }
    if options.optin && options.optout {
        return Err(OPTIN_WITH_OPTOUT);
    }
    if options.optin && now == Some(&Scope::OptOut) || options.optout && now == Some(&Scope::OptIn)
    {
        return Err(OPT_SWITCHED);
    }
    if options.bcast {
        return prefixes(&options.prefixes, now).map(Scope::Prefixes);
    }
    Ok(match options {
        Options { optin: true, .. } => Scope::OptIn,
        Options { optout: true, .. } => Scope::OptOut,
        _ => Scope::Reads,
    })
}

/// Returns the prefixes that are new, none standing for every key. No two of a client's prefixes
/// may match the same key.
fn prefixes(given: &[&[u8]], now: Option<&Scope>) -> Result<BTreeSet<Box<[u8]>>, ReplyError> {
    if given.is_empty() {
        return Ok(BTreeSet::from([Box::default()]));
    }
    let overlap = |one: &[u8], other: &[u8], which: &str| {
        let (one, other) = (printable(one, 256), printable(other, 256));
        ReplyError::new(format!(
            "ERR Prefix '{one}' overlaps with {which} prefix '{other}'. Prefixes for a single \
             client must not overlap."
        ))
    };
    for (place, prefix) in given.iter().enumerate() {
        if let Some(Scope::Prefixes(existing)) = now
            && let Some(other) = existing.iter().find(|other| share_keys(prefix, other))
        {
            return Err(overlap(prefix, other, "an existing"));
        }
        let rest = given.iter().skip(place + 1);
        if let Some(other) = rest.copied().find(|other| share_keys(prefix, other)) {
            return Err(overlap(prefix, other, "another provided"));
        }
    }
    Ok(given.iter().map(|prefix| Box::from(*prefix)).collect())
}

fn share_keys(one: &[u8], other: &[u8]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<Box<[u8]>> {
        names.iter().map(|name| Box::from(name.as_bytes())).collect()
    }

    #[test]
    fn prefixes_of_one_client_do_not_overlap() {
        let check = |given: &[&str], now: &[&str], expect: Result<&[&str], &str>| {
            let given: Vec<&[u8]> = given.iter().map(|prefix| prefix.as_bytes()).collect();
            let now = Scope::Prefixes(set(now));
            let tail = ". Prefixes for a single client must not overlap.";
            let expect =
                expect.map(set).map_err(|text| ReplyError::new(format!("ERR Prefix {text}{tail}")));
            assert_eq!(prefixes(&given, Some(&now)), expect);
        };
        check(&[], &["a"], Ok(&[""]));
        check(&["b", "c"], &["a"], Ok(&["b", "c"]));
        check(&["fo"], &["bar", "foo"], Err("'fo' overlaps with an existing prefix 'foo'"));
        check(&["food"], &["foo"], Err("'food' overlaps with an existing prefix 'foo'"));
        check(&["x", "y", "xy"], &[], Err("'x' overlaps with another provided prefix 'xy'"));
        check(&["a"], &[""], Err("'a' overlaps with an existing prefix ''"));
    }

    #[test]
    fn options_must_agree() {
        let tracking = |scope| Tracking {
            scope,
            own_changes: OwnChanges::Told,
            redirect: None,
            is_caching_called: false,
        };
        let check = |words: &str, now: Option<Scope>, expect: Result<Scope, ReplyError>| {
            let has = |word| words.split(' ').any(|other| other == word);
            let options = Options {
                bcast: has("bcast"),
                optin: has("optin"),
                optout: has("optout"),
                prefixes: if has("prefix") { vec![b"p"] } else { Vec::new() },
                ..Options::default()
            };
            assert_eq!(scope(&options, now.map(tracking).as_ref()), expect, "{words}");
        };
        let everything = || Scope::Prefixes(set(&[""]));
        check("", None, Ok(Scope::Reads));
        check("optin", Some(Scope::Reads), Ok(Scope::OptIn));
        check("", Some(Scope::OptIn), Ok(Scope::Reads));
        check("bcast", None, Ok(everything()));
        check("bcast prefix", None, Ok(Scope::Prefixes(set(&["p"]))));
        check("prefix", None, Err(PREFIX_WITHOUT_BCAST));
        check("bcast", Some(Scope::Reads), Err(BCAST_SWITCHED));
        check("", Some(everything()), Err(BCAST_SWITCHED));
        check("bcast optin", None, Err(BCAST_WITH_OPT));
        check("optin optout", None, Err(OPTIN_WITH_OPTOUT));
        check("optout", Some(Scope::OptIn), Err(OPT_SWITCHED));
        check("optin", Some(Scope::OptOut), Err(OPT_SWITCHED));
    }
}
