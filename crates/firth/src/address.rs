//! Addresses of brokers.

use crate::Error;

/// What an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// `memory:`
    Memory,
    /// `file:PATH`, `file:PATH?durability=...`
    Folder { path: String, durability: String },
    /// `redis://...`, `unix:...`: one server, in the form that the `redis` crate reads.
    Server(String),
    /// `redis+cluster://a,b,c`: some nodes of a Cluster, each in that form.
    Cluster(Vec<String>),
    /// `redis+sentinel://a,b,c/service`: sentinels in that form, and what they are asked for.
    Sentinel { sentinels: Vec<String>, service: String },
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
            "redis" | "unix" => Ok(Address::Server(address.to_owned())),
            "redis+cluster" => {
                let (nodes, path) = nodes(address, rest)?;
                match path {
                    "" => Ok(Address::Cluster(nodes)),
                    _ => Err(wrong(address, "a Cluster has no databases to choose from")),
                }
            }
            "redis+sentinel" => {
                let (sentinels, path) = nodes(address, rest)?;
                let (service, database) = path.split_once('/').unwrap_or((path, ""));
                if service.is_empty() {
                    return Err(wrong(address, "the name of the service is missing"));
                }
                let at = |sentinel: String| match database {
                    "" => sentinel,
                    _ => format!("{sentinel}/{database}"),
                };
                let sentinels = sentinels.into_iter().map(at).collect();
                Ok(Address::Sentinel { sentinels, service: service.to_owned() })
            }
            _ => Err(wrong(address, "the scheme is not known")),
        }
    }
}

/// Splits `//user:password@a,b:1,c/path` into one address of a server for each node, and the path.
fn nodes<'a>(address: &str, rest: &'a str) -> Result<(Vec<String>, &'a str), Error> {
    let rest = rest.strip_prefix("//").ok_or_else(|| wrong(address, "// is missing"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    if hosts.split(',').any(str::is_empty) {
        return Err(wrong(address, "a host is missing"));
    }
    let nodes = hosts.split(',').map(|host| format!("redis://{user}{host}")).collect();
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
        check("redis://h:1/2", Ok(Address::Server("redis://h:1/2".into())));
        check("unix:///tmp/s", Ok(Address::Server("unix:///tmp/s".into())));
        check("memory:x", Err("the address `memory:x`: nothing follows memory:"));
        check("http://h", Err("the address `http://h`: the scheme is not known"));
        check("h", Err("the address `h`: it has no scheme such as memory: or redis:"));
    }

    #[test]
    fn several_servers() {
        let nodes = |nodes: &[&str]| nodes.iter().map(|node| (*node).to_owned()).collect();
        let cluster = Address::Cluster(nodes(&["redis://u:p@a", "redis://u:p@b:7001"]));
        check("redis+cluster://u:p@a,b:7001", Ok(cluster));
        check(
            "redis+sentinel://a,b:1/main/3",
            Ok(Address::Sentinel {
                sentinels: nodes(&["redis://a/3", "redis://b:1/3"]),
                service: "main".into(),
            }),
        );
        let missing = "the address `redis+sentinel://a`: the name of the service is missing";
        check("redis+sentinel://a", Err(missing));
        check("redis+cluster://a,,b", Err("the address `redis+cluster://a,,b`: a host is missing"));
    }

    #[test]
    fn errors_do_not_show_passwords() {
        let error = "the address `redis+cluster://***@a,`: a host is missing";
        check("redis+cluster://u:secret@a,", Err(error));
    }
}
