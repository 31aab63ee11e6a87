//! tsshd's configuration beside sshd's: what is taken, what is said about it, what it comes to.

use crate::support::{remote, tsshd, unavailable};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use tssh_interop_tests::openssh::{KeyKind, is_root, keygen, program_path, public_path};
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::tssh::tsshd_binary;

/// A folder with a host key, where both servers judge the same file.
struct Judges {
    folder: Scratch,
    key: PathBuf,
}

impl Judges {
    fn new() -> Self {
        let folder = Scratch::new();
        let key = folder.join("host_key");
        keygen(&key, KeyKind::Ed25519, "");
        Self { folder, key }
    }

    fn run(&self, program: PathBuf, text: &str, arguments: &[&str]) -> Finished {
        let file = self.folder.write("config", text);
        let mut command = Command::new(program);
        command.arg("-f").arg(file).arg("-h").arg(&self.key).args(arguments);
        // Its folder for privilege separation need not exist.
        run(&mut command)
    }

    fn sshd(&self, text: &str, arguments: &[&str]) -> Finished {
        self.run(program_path("sshd"), text, arguments)
    }

    fn tsshd(&self, text: &str, arguments: &[&str]) -> Finished {
        self.run(tsshd_binary(), text, arguments)
    }

    /// What `-T` prints, a list for each keyword.
    fn printed(finished: &Finished) -> BTreeMap<String, Vec<String>> {
        let mut printed = BTreeMap::<String, Vec<String>>::new();
        for line in finished.expect_code(0).text().lines() {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            printed.entry(name.to_owned()).or_default().push(value.to_owned());
        }
        printed.values_mut().for_each(|values| values.sort());
        printed
    }
}

/// Lines that both take or both refuse, in the same words.
const LINES: &str = include_str!("configuration/lines.txt");

#[test]
fn lines_are_judged_as_by_sshd() {
    if unavailable("configuration::lines_are_judged_as_by_sshd") {
        return;
    }
    let judges = Judges::new();
    let mut differences = Vec::new();
    let lines = LINES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines {
        let text = format!("{}\n", line.replace("\\n", "\n"));
        let (theirs, ours) = (judges.sshd(&text, &["-t"]), judges.tsshd(&text, &["-t"]));
        let said = |finished: &Finished| {
            let text = finished.stderr.replace("\r\n", "\n");
            (finished.code, text)
        };
        if said(&theirs) != said(&ours) {
            differences.push(format!(
                "{line}\n  sshd  {:?}\n  tsshd {:?}",
                said(&theirs),
                said(&ours)
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Values that differ from sshd's by default, each with its reason.
const DIFFERENT: &[(&str, &str)] = &[
    ("casignaturealgorithms", "algorithms that are built"),
    ("ciphers", "AES-GCM comes first where the processor has AES"),
    ("hostkeyalgorithms", "algorithms that are built"),
    ("ipqos", "packets are not marked"),
    ("kexalgorithms", "post-quantum first, none that are old"),
    ("macs", "no UMAC, no SHA-1"),
    ("permitrootlogin", "the only user is whoever runs the server"),
    ("permituserrc", "no program runs before the shell"),
    ("pidfile", "not without being asked for: any user may run a server"),
    ("printlastlog", "there is no record of logins"),
    ("printmotd", "sshd's words for a shell that shows it itself"),
    ("pubkeyacceptedalgorithms", "algorithms that are built"),
    ("rekeylimit", "RFC 4253 section 9: each gigabyte, each hour"),
    // Debian's own.
    ("usepam", "there is no PAM"),
];

/// Keywords that only sshd prints.
const THEIRS: &[(&str, &str)] = &[
    ("gssapikexalgorithms", "Debian's, and there is no GSSAPI"),
    ("hostbasedacceptedalgorithms", "there is no host-based authentication"),
];

/// S52: what both print, with nothing said and with something said.
#[test]
fn the_effective_configuration_is_that_of_sshd() {
    if unavailable("configuration::the_effective_configuration_is_that_of_sshd") {
        return;
    }
    let judges = Judges::new();
    let said = "Port 2022\nListenAddress 127.0.0.1\nListenAddress [::1]:2023\nMaxSessions 3\n\
                AllowTcpForwarding local\nAllowStreamLocalForwarding remote\nGatewayPorts yes\n\
                PermitOpen h:1 [::1]:* web:http\nPermitListen 2001 localhost:2002\n\
                StreamLocalBindMask 0117\nStreamLocalBindUnlink yes\nDisableForwarding yes\n\
                AllowAgentForwarding no\nX11Forwarding yes\nX11DisplayOffset 20\n\
                X11UseLocalhost no\nXAuthLocation /bin/true\nPermitTTY no\nLogLevel DEBUG3\n\
                ForceCommand echo \"a  b\"\nClientAliveInterval 1m\nClientAliveCountMax 7\n\
                MaxAuthTries 2\nLoginGraceTime 2m\nMaxStartups 5:50:60\nAcceptEnv LANG LC_*\n\
                SetEnv A=b C=d\nSubsystem sftp /usr/lib/openssh/sftp-server -l INFO\n\
                AuthorizedKeysFile /k/%u .ssh/k\nAuthorizedKeysCommand /bin/echo %u %k\n\
                AuthorizedKeysCommandUser nobody\nAllowUsers a b@10.0.0.0/8\nDenyUsers c\n\
                AllowGroups d\nDenyGroups e f\nSyslogFacility LOCAL3\nTCPKeepAlive no\n\
                Banner /etc/issue\nPidFile /run/x.pid\nPermitRootLogin forced-commands-only\n\
                PasswordAuthentication no\nStrictModes no\nCompression no\nRekeyLimit 1G 10m\n\
                PermitUserEnvironment A,B*\nVersionAddendum hello\nCiphers aes256-ctr\n\
                MACs hmac-sha2-512\nKexAlgorithms curve25519-sha256\nRequiredRSASize 3000\n\
                HostKeyAlgorithms ssh-ed25519\nPubkeyAcceptedAlgorithms ssh-ed25519\n\
                CASignatureAlgorithms ssh-ed25519\nRevokedKeys /etc/issue\n";
    for text in ["", said] {
        let theirs = Judges::printed(&judges.sshd(text, &["-T"]));
        let ours = Judges::printed(&judges.tsshd(text, &["-T"]));
        for (name, value) in &theirs {
            if THEIRS.iter().any(|(known, _)| known == name) {
                continue;
            }
            let own = ours.get(name);
            let excused = DIFFERENT.iter().any(|(known, _)| known == name)
                && (text.is_empty() || !text.to_lowercase().contains(&format!("\n{name} ")));
            assert!(own == Some(value) || (excused && own.is_some()), "{name}: {value:?} {own:?}");
        }
        let only_ours: Vec<_> = ours.keys().filter(|name| !theirs.contains_key(*name)).collect();
        assert!(only_ours.is_empty(), "{only_ours:?}");
    }
}

#[test]
fn blocks_apply_to_whom_they_apply_in_sshd() {
    if unavailable("configuration::blocks_apply_to_whom_they_apply_in_sshd") {
        return;
    }
    let judges = Judges::new();
    let inner = judges.folder.write("inner.conf", "MaxAuthTries 5\nMatch User bob\nPermitTTY no\n");
    let text = format!(
        "Banner /outside\nAcceptEnv A\nInclude {inner}\nAllowUsers x\n\
         Match User ann,b*,!bill\nBanner /users\nAcceptEnv B\nAcceptEnv C\nAllowUsers y\n\
         Match Address 10.0.0.0/8,!10.1.*,2001:db8::/32\nBanner /address\nMaxSessions 4\n\
         Match LocalPort 2022 LocalAddress 127.0.0.1\nForceCommand x \"y z\"\nPermitOpen a:1\n\
         Match Host *.example.org User *\nGatewayPorts yes\nInclude {inner}\nPermitListen 7\n\
         Match Group root\nX11Forwarding yes\nMaxSessions 5\nX11DisplayOffset 12\n\
         Match all\nMaxSessions 6\nDisableForwarding yes\n",
        inner = inner.display()
    );
    let names = [
        "banner",
        "acceptenv",
        "allowusers",
        "maxsessions",
        "forcecommand",
        "permitopen",
        "permitlisten",
        "gatewayports",
        "x11forwarding",
        "x11displayoffset",
        "disableforwarding",
        "maxauthtries",
        "permittty",
    ];
    // Without a port sshd 9.2 refuses to judge LocalPort.
    for connection in [
        "user=ann,lport=22",
        "user=bill,lport=22",
        "user=bob,host=a.example.org,lport=22",
        "user=bob,host=a.example.com,addr=10.2.0.1,lport=22",
        "user=eve,addr=10.1.0.1,lport=22",
        "user=eve,addr=2001:db8::7,laddr=127.0.0.1,lport=2022",
        "user=eve,addr=10.0.0.1,laddr=127.0.0.2,lport=2022",
        "user=root,host=A.Example.ORG,addr=192.0.2.1,laddr=::1,lport=22",
        "addr=10.0.0.1,lport=22",
        "lport=2022",
    ] {
        let arguments = ["-T", "-C", connection];
        let theirs = Judges::printed(&judges.sshd(&text, &arguments));
        let ours = Judges::printed(&judges.tsshd(&text, &arguments));
        for name in names {
            assert_eq!(theirs.get(name), ours.get(name), "{name} for {connection:?}");
        }
    }
}

#[test]
fn whoever_is_not_allowed_is_a_stranger() {
    if unavailable("configuration::whoever_is_not_allowed_is_a_stranger") {
        return;
    }
    for (line, reason) in [
        ("DenyUsers *", "listed in DenyUsers"),
        ("AllowUsers nobody *@192.0.2.0/24", "not listed in AllowUsers"),
        ("DenyGroups *", "a group is listed in DenyGroups"),
        ("AllowGroups no-such-group", "none of user's groups are listed in AllowGroups"),
    ] {
        let server = tsshd(&[line]);
        let refused = remote(&server, &["-oBatchMode=yes"], "true");
        refused.expect_code(255).expect_stderr("Permission denied (publickey).");
        let user = server.user();
        server.expect_log(&format!("User {user} from 127.0.0.1 not allowed because {reason}"));
    }
    let server = tsshd(&["AllowUsers *@127.0.0.0/8", "DenyUsers nobody"]);
    remote(&server, &[], "true").expect_code(0);
}

#[test]
fn a_block_narrows_one_address() {
    if unavailable("configuration::a_block_narrows_one_address") {
        return;
    }
    let server = tsshd(&["Match Address 127.0.0.1", "ForceCommand echo forced", "PermitTTY no"]);
    assert_eq!(remote(&server, &[], "echo free").expect_code(0).text(), "forced\n");
    let server = tsshd(&["Match Address !127.0.0.1,*", "ForceCommand echo forced"]);
    assert_eq!(remote(&server, &[], "echo free").expect_code(0).text(), "free\n");
}

#[test]
fn a_program_names_keys() {
    if unavailable("configuration::a_program_names_keys") {
        return;
    }
    let folder = Scratch::new();
    let args = folder.join("args").display().to_string();
    let user = tssh_interop_tests::openssh::user_name();
    // Such a program must be where nobody else can write: a shell is.
    let command = format!(
        "AuthorizedKeysCommand /bin/sh -c \"echo $@ >>{args}; echo no-pty $2 $3\" sh %u %t %k %f"
    );
    let by = format!("AuthorizedKeysCommandUser {user}");
    let server = tsshd(&["AuthorizedKeysFile none", &command, &by]);
    assert_eq!(remote(&server, &[], "echo in").expect_code(0).text(), "in\n");
    let said = std::fs::read_to_string(&args).expect("the program ran");
    assert!(said.starts_with(&format!("{user} ssh-ed25519 AAAA")), "{said}");
    assert!(said.contains(" SHA256:"), "{said}");
    // Of a certificate it is told the certificate, as by sshd.
    let authority = folder.join("authority");
    keygen(&authority, KeyKind::Ed25519, "");
    let key = server.user_key();
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-s"]).arg(&authority).args(["-I", "id", "-n", &user]);
    run(sign.arg(public_path(&key))).expect_code(0);
    // Named, it comes before the bare key, which would be let in.
    let named = format!("-oCertificateFile={}-cert.pub", key.display());
    remote(&server, &["-oBatchMode=yes", &named], "true");
    let said = std::fs::read_to_string(&args).expect("the program ran");
    let told = format!("{user} ssh-ed25519-cert-v01@openssh.com AAAA");
    assert!(said.contains(&told), "{said}");
    let server = tsshd(&["AuthorizedKeysFile none", "AuthorizedKeysCommand /bin/false", &by]);
    remote(&server, &["-oBatchMode=yes"], "true").expect_code(255);
    server.expect_log("AuthorizedKeysCommand /bin/false failed: exit status: 1");
}

#[test]
fn root_with_forced_commands_only() {
    if unavailable("configuration::root_with_forced_commands_only") {
        return;
    }
    let server = tsshd(&["PermitRootLogin forced-commands-only"]);
    let done = remote(&server, &["-oBatchMode=yes"], "echo in");
    if is_root() {
        done.expect_code(255);
        server.expect_log("ROOT LOGIN REFUSED FROM 127.0.0.1 port ");
    } else {
        done.expect_code(0);
    }
}
