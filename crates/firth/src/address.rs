//! Addresses of brokers.

use crate::Error;

/// What an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// `memory:`
    Memory,
    /// `file:PATH`, `file:PATH?durability=...`
    Folder { path: String, durability: String },
    /// `redis...`, `unix:...`: what is reached by a connection; with TLS or without.
    Remote { place: Place, tls: Option<TlsFiles> },
}

/// Where servers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `redis://...`, `unix:...`: one server, in the form that the `redis` crate reads.
    Server(String),
    /// `redis+cluster://a,b,c`: some nodes of a Cluster, each in that form.
    Cluster(Vec<String>),
    /// `redis+sentinel://a,b,c/service`: sentinels in that form, and what they are asked for.
    Sentinel { sentinels: Vec<String>, service: String },
}

/// The files that a TLS connection needs, all of them PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificates of the authorities that are trusted; the system's own if there is none.
    pub(crate) authorities: Option<String>,
    /// What is shown to the server: a certificate, and its key.
    pub(crate) identity: Option<(String, String)>,
}

impl Address {
    /// Reads an address.
    pub(crate) fn parse(address: &str) -> Result<Self, Error> {
        let Some((scheme, rest)) = address.split_once(':') else {
            return Err(wrong(address, "it has no scheme such as memory: or redis:"));
        };
        match scheme {
            "memory" if rest.is_empty() => Ok(Address::Memory),
            "memory" => Err(wrong(address, "nothing follows memory:")),
            "file" => {
                let (path, query) = rest.split_once('?').unwrap_or((rest, "durability=always"));
                let path = path.strip_prefix("//").unwrap_or(path);
                match query.strip_prefix("durability=") {
                    _ if path.is_empty() => Err(wrong(address, "the path is missing")),
                    Some(durability @ ("always" | "everysec" | "never")) => {
                        Ok(Address::Folder { path: path.into(), durability: durability.into() })
                    }
                    _ => Err(wrong(address, "the durability is always, everysec or never")),
                }
            }
            "unix" => Ok(Address::Remote { place: Place::Server(address.to_owned()), tls: None }),
            _ => match scheme.strip_prefix("rediss").or(scheme.strip_prefix("redis")) {
                Some(form) => remote(address, form, Security::of(scheme), rest),
                None => Err(wrong(address, "the scheme is not known")),
            },
        }
    }
}

/// Whether connections are secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Security {
    None,
    Tls,
}

impl Security {
    fn of(scheme: &str) -> Self {
        if scheme.starts_with("rediss") { Security::Tls } else { Security::None }
    }

    fn scheme(self) -> &'static str {
        match self {
            Security::None => "redis",
            Security::Tls => "rediss",
        }
    }
}

/// Reads what follows the scheme of servers.
fn remote(address: &str, form: &str, security: Security, rest: &str) -> Result<Address, Error> {
    let (rest, tls) = match security {
        Security::None => (rest.to_owned(), None),
        Security::Tls => tls_files(address, rest).map(|(rest, files)| (rest, Some(files)))?,
    };
    let scheme = security.scheme();
    let place = match form {
        "" => Place::Server(format!("{scheme}:{rest}")),
        "+cluster" => match nodes(address, scheme, &rest)? {
            (nodes, "") => Place::Cluster(nodes),
            _ => return Err(wrong(address, "a Cluster has no databases to choose from")),
        },
        "+sentinel" => {
            let (sentinels, path) = nodes(address, scheme, &rest)?;
            let (service, database) = path.split_once('/').unwrap_or((path, ""));
            if service.is_empty() {
                return Err(wrong(address, "the name of the service is missing"));
            }
            let at = |sentinel: String| match database {
                "" => sentinel,
                _ => format!("{sentinel}/{database}"),
            };
            let sentinels = sentinels.into_iter().map(at).collect();
            Place::Sentinel { sentinels, service: service.to_owned() }
        }
        _ => return Err(wrong(address, "the scheme is not known")),
    };
    Ok(Address::Remote { place, tls })
}

/// Takes the names of files out of `//host/db?ca=...&cert=...&key=...`; returns what is left.
fn tls_files(address: &str, rest: &str) -> Result<(String, TlsFiles), Error> {
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (mut authorities, mut certificate, mut key) = (None, None, None);
    let mut others = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("ca", path)) => authorities = Some(path.to_owned()),
            Some(("cert", path)) => certificate = Some(path.to_owned()),
            Some(("key", path)) => key = Some(path.to_owned()),
            _ => others.push(part),
        }
    }
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err(wrong(address, "cert and key go together")),
    };
    let rest = match &others[..] {
        [] => before.to_owned(),
        others => format!("{before}?{}", others.join("&")),
    };
    Ok((rest, TlsFiles { authorities, identity }))
}

/// Splits `//user:password@a,b:1,c/path` into one address of a server for each node, and the path.
fn nodes<'a>(address: &str, scheme: &str, rest: &'a str) -> Result<(Vec<String>, &'a str), Error> {
    let rest = rest.strip_prefix("//").ok_or_else(|| wrong(address, "// is missing"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    if hosts.split(',').any(str::is_empty) {
        return Err(wrong(address, "a host is missing"));
    }
    let nodes = hosts.split(',').map(|host| format!("{scheme}://{user}{host}")).collect();
    Ok((nodes, path))
}

/// Returns the error of a wrong address.
pub(crate) fn wrong(address: &str, reason: &(impl ToString + ?Sized)) -> Error {
    Error::Address { address: without_password(address).into(), reason: reason.to_string().into() }
}

/// Hides what stands between `//` and `@`.
fn without_password(address: &str) -> String {
    match (address.find("//"), address.rfind('@')) {
        (Some(start), Some(end)) if start + 2 <= end => {
            format!("{}//***{}", &address[..start], &address[end..])
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expect: Result<Address, &str>) {
        let found = Address::parse(address).map_err(|error| error.to_string());
        assert_eq!(found, expect.map_err(str::to_owned), "{address}");
    }

    fn plain(place: Place) -> Address {
        Address::Remote { place, tls: None }
    }

    #[test]
    fn single_servers() {
        check("memory:", Ok(Address::Memory));
        let folder = |path: &str, durability: &str| {
            Ok(Address::Folder { path: path.into(), durability: durability.into() })
        };
        check("file:./data", folder("./data", "always"));
        check("file:///var/data", folder("/var/data", "always"));
        check("file:/d?durability=everysec", folder("/d", "everysec"));
        let wrong = "the address `file:/d?x`: the durability is always, everysec or never";
        check("file:/d?x", Err(wrong));
        check("file:", Err("the address `file:`: the path is missing"));
        let server = |server: &str| Ok(plain(Place::Server(server.into())));
        check("redis://h:1/2?protocol=resp3", server("redis://h:1/2?protocol=resp3"));
        check("unix:///tmp/s", server("unix:///tmp/s"));
        check("memory:x", Err("the address `memory:x`: nothing follows memory:"));
        check("http://h", Err("the address `http://h`: the scheme is not known"));
        check("h", Err("the address `h`: it has no scheme such as memory: or redis:"));
    }

    #[test]
    fn several_servers() {
        let nodes = |nodes: &[&str]| nodes.iter().map(|node| (*node).to_owned()).collect();
        let cluster = Place::Cluster(nodes(&["redis://u:p@a", "redis://u:p@b:7001"]));
        check("redis+cluster://u:p@a,b:7001", Ok(plain(cluster)));
        let sentinels = nodes(&["redis://a/3", "redis://b:1/3"]);
        let sentinels = Place::Sentinel { sentinels, service: "main".into() };
        check("redis+sentinel://a,b:1/main/3", Ok(plain(sentinels)));
        let missing = "the address `redis+sentinel://a`: the name of the service is missing";
        check("redis+sentinel://a", Err(missing));
        check("redis+cluster://a,,b", Err("the address `redis+cluster://a,,b`: a host is missing"));
    }

    #[test]
    fn secured_servers() {
        let tls = |place, authorities: Option<&str>, identity: Option<(&str, &str)>| {
            let authorities = authorities.map(str::to_owned);
            let identity = identity.map(|(cert, key)| (cert.to_owned(), key.to_owned()));
            Ok(Address::Remote { place, tls: Some(TlsFiles { authorities, identity }) })
        };
        let server = |server: &str| Place::Server(server.into());
        check("rediss://h", tls(server("rediss://h"), None, None));
        let expect = tls(server("rediss://h:1/2?protocol=resp3"), Some("/a.pem"), None);
        check("rediss://h:1/2?ca=/a.pem&protocol=resp3", expect);
        let cluster = Place::Cluster(vec!["rediss://a".into(), "rediss://b".into()]);
        let expect = tls(cluster, Some("c"), Some(("x", "y")));
        check("rediss+cluster://a,b?ca=c&cert=x&key=y", expect);
        let sentinels = vec!["rediss://a/1".to_owned()];
        let sentinels = Place::Sentinel { sentinels, service: "main".into() };
        check("rediss+sentinel://a/main/1?ca=c", tls(sentinels, Some("c"), None));
        let error = "the address `rediss://h?key=y`: cert and key go together";
        check("rediss://h?key=y", Err(error));
        let error = "the address `rediss+x://h`: the scheme is not known";
        check("rediss+x://h", Err(error));
    }

    #[test]
    fn errors_do_not_show_passwords() {
        let error = "the address `redis+cluster://***@a,`: a host is missing";
        check("redis+cluster://u:secret@a,", Err(error));
    }
}
