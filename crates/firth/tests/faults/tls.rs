//! Connections by TLS, to a real server with certificates that are made for the test.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use firth::{Actor, Broker, Error, conformance};

use crate::server::{Kind, Server, take_port};

/// A folder of certificates and keys: of an authority, and what it has signed.
pub(crate) struct Certificates(PathBuf);

impl Certificates {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("firth-test-tls-{name}-{}", std::process::id());
        let certificates = Certificates(std::env::temp_dir().join(name));
        fs::create_dir_all(&certificates.0).unwrap();
        certificates.make("ca", &[]);
        let ca = [certificates.file("ca.pem"), certificates.file("ca.key")];
        let alternatives = "subjectAltName=DNS:localhost,IP:127.0.0.1";
        let leaf = "basicConstraints=critical,CA:FALSE";
        let signed = ["-CA", &ca[0], "-CAkey", &ca[1], "-addext", alternatives, "-addext", leaf];
        certificates.make("server", &signed);
        certificates.make("client", &signed);
        certificates
    }

    fn make(&self, name: &str, flags: &[&str]) {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
        let line = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
        let made = Command::new("openssl")
            .args(line.split(' '))
            .args(["-subj", &format!("/CN=firth test {name}")])
            .args(["-keyout", &self.file(&key), "-out", &self.file(&certificate)])
            .args(flags)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// The flags of a server that listens on this port.
    fn flags(&self, port: u16, authentication: &str) -> Vec<String> {
        let line = format!(
            "--tls-port {port} --tls-cert-file {} --tls-key-file {} --tls-ca-cert-file {} \
             --tls-auth-clients {authentication}",
            self.file("server.pem"),
            self.file("server.key"),
            self.file("ca.pem"),
        );
        line.split(' ').map(str::to_owned).collect()
    }

    /// The end of an address that trusts the authority.
    pub(crate) fn trusted(&self) -> String {
        format!("ca={}", self.file("ca.pem"))
    }

    /// The end of an address that shows a certificate, too.
    pub(crate) fn shown(&self) -> String {
        let (certificate, key) = (self.file("client.pem"), self.file("client.key"));
        format!("ca={}&cert={certificate}&key={key}", self.file("ca.pem"))
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _is_gone = fs::remove_dir_all(&self.0);
    }
}

/// A server that listens by TLS on a port of its own.
struct Secured {
    certificates: Certificates,
    server: Server,
    port: u16,
    _port_lock: File,
}

impl Secured {
    fn start(name: &str, authentication: &str, more: &[&str]) -> Self {
        let certificates = Certificates::new(name);
        let (port, port_lock) = take_port();
        let flags = certificates.flags(port, authentication);
        let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.to_vec()).collect();
        let server = Server::start_with(Kind::Redis7, &flags);
        Secured { certificates, server, port, _port_lock: port_lock }
    }
}

async fn error_at(address: &str) -> Error {
    Broker::connect(address).await.unwrap_err()
}

#[tokio::test]
async fn one_server() {
    let secured = Secured::start("one", "no", &[]);
    let (port, trusted) = (secured.port, secured.certificates.trusted());
    let address = format!("rediss://localhost:{port}?{trusted}");
    conformance::check(async || Broker::connect(&address).await.unwrap()).await;
}

#[tokio::test]
async fn certificates_are_verified() {
    let secured = Secured::start("verified", "yes", &[]);
    let (port, certificates) = (secured.port, &secured.certificates);
    let at = |end: &str| format!("rediss://127.0.0.1:{port}/?{end}");
    let broker = Broker::connect(&at(&certificates.shown())).await.unwrap();
    broker.stream::<u32>("s").append(&1).await.unwrap();
    // The authority is not one of the system's.
    let error = error_at(&format!("rediss://127.0.0.1:{port}")).await;
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    assert_eq!(error.actor(), Actor::Operator);
    // Nothing is shown although the server asks for it.
    let error = error_at(&at(&certificates.trusted())).await;
    assert_eq!(error.actor(), Actor::Operator, "{error}");
    // Another authority.
    let others = Certificates::new("others");
    let error = error_at(&at(&others.shown())).await;
    assert!(error.to_string().contains("certificate"), "{error}");
    let error = error_at(&at("ca=/nowhere.pem")).await;
    assert!(error.to_string().contains("the file `/nowhere.pem`"), "{error}");
    let error = error_at(&at(&format!("ca={}&cert=x&key=y", certificates.file("ca.pem")))).await;
    assert!(error.to_string().contains("the file `x`"), "{error}");
}

#[tokio::test]
async fn a_cluster() {
    let flags = "--cluster-enabled yes --tls-cluster yes --tls-replication yes";
    let flags: Vec<&str> = flags.split(' ').collect();
    let secured = Secured::start("cluster", "yes", &flags);
    let plain = redis::Client::open(format!("redis://127.0.0.1:{}", secured.server.port()));
    let mut node = plain.unwrap().get_multiplexed_async_connection().await.unwrap();
    let cluster = |words: &[&str]| redis::cmd("CLUSTER").arg(words).take();
    let all = cluster(&["ADDSLOTSRANGE", "0", "16383"]);
    all.exec_async(&mut node).await.unwrap();
    loop {
        let info: String = cluster(&["INFO"]).query_async(&mut node).await.unwrap();
        if info.contains("cluster_state:ok") {
            break;
        }
        tokio::task::yield_now().await;
    }
    let (port, shown) = (secured.port, secured.certificates.shown());
    let address = format!("rediss+cluster://localhost:{port}?{shown}");
    conformance::check(async || Broker::connect(&address).await.unwrap()).await;
}

#[tokio::test]
async fn sentinels_and_what_they_name() {
    let secured = Secured::start("sentinel", "yes", &["--tls-replication", "yes"]);
    let certificates = &secured.certificates;
    let (port, _port_lock) = take_port();
    let settings = certificates.flags(port, "yes");
    let settings = settings.join(" ").replace(" --", "\n").replace("--", "");
    let watched = secured.port;
    let lines =
        format!("{settings}\ntls-replication yes\nsentinel monitor main 127.0.0.1 {watched} 1\n");
    let _sentinel = Server::start_sentinel(&lines);
    let shown = certificates.shown();
    let address = format!("rediss+sentinel://localhost:{port}/main?{shown}");
    let broker = Broker::connect(&address).await.unwrap();
    broker.stream::<u32>("s").append(&1).await.unwrap();
}
