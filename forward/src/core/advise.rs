//! `--advise`: which kind of forward, and from which side.
//!
//! The quick rule: look for the application client. The listening side belongs on its machine, so
//! the forward is a local one where the SSH client runs there too, and a remote one where the SSH
//! server does. Off-host, where it runs on neither, one of the two ends listens for other
//! machines, and the rest follows from where the application server is.

/// Where everything runs, by the names of machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machines<'a> {
    /// The application client: what connects.
    pub app_client: &'a str,
    /// The application server: what is connected to.
    pub app_server: &'a str,
    /// The SSH client, where that is settled.
    pub ssh_client: Option<&'a str>,
    /// The SSH server, where that is settled.
    pub ssh_server: Option<&'a str>,
}

/// One way to do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// `-L` where it is true, `-R` where it is not.
    pub local: bool,
    /// The machine to type the command on.
    pub ssh_client: String,
    /// The machine to log in to.
    pub ssh_server: String,
    /// The listening side must take connections from other machines.
    pub open: bool,
    /// The target, as the far end has to name it.
    pub target: String,
    /// Connections that must be possible, from one machine to another.
    pub needs: Vec<(String, String)>,
    /// Legs that cross a network unprotected.
    pub clear: Vec<(String, String)>,
}

impl Advice {
    /// The end that listens.
    #[must_use]
    pub fn listener(&self) -> &str {
        if self.local { &self.ssh_client } else { &self.ssh_server }
    }
}

/// Why there is nothing to advise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needless {
    /// Both applications run on one machine: their bytes never leave it.
    OneMachine,
    /// Both ends of the SSH connection are on one machine.
    OneEnd,
}

/// What to do: one way, or several where it depends on who can reach whom.
///
/// # Errors
/// [`Needless`].
pub fn advise(machines: Machines<'_>) -> Result<Vec<Advice>, Needless> {
    let Machines { app_client, app_server, ssh_client, ssh_server } = machines;
    if app_client == app_server {
        return Err(Needless::OneMachine);
    }
    // The other end of an SSH connection of which one is known: where an application is that the
    // known end does not have.
    let other = |end: &str| if end == app_client { app_server } else { app_client };
    let pairs = match (ssh_client, ssh_server) {
        (Some(client), Some(server)) => vec![(client, server)],
        (Some(client), None) if client == app_client || client == app_server => {
            vec![(client, other(client))]
        }
        // A machine that only types the command is no end that helps, unless it is near one.
        (Some(client), None) => vec![(client, app_server), (client, app_client)],
        (None, Some(server)) => vec![(other(server), server)],
        (None, None) => vec![(app_client, app_server), (app_server, app_client)],
    };
    if pairs.iter().any(|(client, server)| client == server) {
        return Err(Needless::OneEnd);
    }
    let ways = pairs.into_iter().flat_map(|(client, server)| {
        let listeners = match app_client {
            at if at == client => [Some(true), None],
            at if at == server => [Some(false), None],
            // Off-host: the far end should be the machine of the application server.
            _ if app_server == server => [Some(true), None],
            _ if app_server == client => [Some(false), None],
            _ => [Some(true), Some(false)],
        };
        let way = move |local| one(app_client, app_server, client, server, local);
        listeners.into_iter().flatten().map(way)
    });
    Ok(ways.collect())
}

fn one(app_client: &str, app_server: &str, client: &str, server: &str, local: bool) -> Advice {
    let (near, far) = if local { (client, server) } else { (server, client) };
    let between = |a: &str, b: &str| (a != b).then(|| (a.to_owned(), b.to_owned()));
    let ends = [between(app_client, near), between(far, app_server)];
    let clear: Vec<_> = ends.into_iter().flatten().collect();
    let mut needs = vec![(client.to_owned(), server.to_owned())];
    needs.extend(clear.iter().cloned());
    Advice {
        local,
        ssh_client: client.to_owned(),
        ssh_server: server.to_owned(),
        open: app_client != near,
        target: if app_server == far { "localhost".to_owned() } else { app_server.to_owned() },
        needs,
        clear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(client: &str, server: &str, from: &str, to: &str) -> Vec<String> {
        let machines = Machines {
            app_client: client,
            app_server: server,
            ssh_client: (from != "?").then_some(from),
            ssh_server: (to != "?").then_some(to),
        };
        let text = |advice: &Advice| {
            let letter = if advice.local { "L" } else { "R" };
            let open = if advice.open { "*:" } else { "" };
            let Advice { ssh_client, ssh_server, target, .. } = advice;
            format!("{ssh_client}: -{letter} {open}P:{target}:P {ssh_server}")
        };
        match advise(machines) {
            Ok(all) => all.iter().map(text).collect(),
            Err(why) => vec![format!("{why:?}")],
        }
    }

    /// S40: the quick rule, for every place that the four parties can have.
    #[test]
    fn the_listening_side_belongs_to_the_application_client() {
        for (client, server, from, to, expected) in [
            // The chapter's two: the mail reader at home, and its mirror image.
            ("H", "S", "H", "S", &["H: -L P:localhost:P S"][..]),
            ("H", "S", "S", "H", &["S: -R P:localhost:P H"]),
            ("S", "H", "H", "S", &["H: -R P:localhost:P S"]),
            ("S", "H", "S", "H", &["S: -L P:localhost:P H"]),
            // Off-host: the application server is on a third machine.
            ("H", "mail", "H", "S", &["H: -L P:mail:P S"]),
            ("S", "mail", "H", "S", &["H: -R P:mail:P S"]),
            // Off-host: the application client is.
            ("pc", "S", "H", "S", &["H: -L *:P:localhost:P S"]),
            ("pc", "H", "H", "S", &["H: -R *:P:localhost:P S"]),
            // Both are: it depends on who can reach whom.
            ("pc", "mail", "H", "S", &["H: -L *:P:mail:P S", "H: -R *:P:mail:P S"]),
            // Half of it is settled, or nothing.
            ("H", "S", "H", "?", &["H: -L P:localhost:P S"]),
            ("H", "S", "S", "?", &["S: -R P:localhost:P H"]),
            ("H", "mail", "?", "S", &["H: -L P:mail:P S"]),
            ("H", "S", "?", "H", &["S: -R P:localhost:P H"]),
            ("H", "S", "?", "?", &["H: -L P:localhost:P S", "S: -R P:localhost:P H"]),
            // Nothing to do.
            ("H", "H", "H", "S", &["OneMachine"]),
            ("H", "S", "S", "S", &["OneEnd"]),
        ] {
            assert_eq!(ways(client, server, from, to), expected, "{client} {server} {from} {to}");
        }
    }

    /// S42: a leg that leaves a machine outside the SSH connection is named, and so is what must
    /// be reachable.
    #[test]
    fn clear_legs_are_named() {
        let machines = |app_client, app_server| Machines {
            app_client,
            app_server,
            ssh_client: Some("H"),
            ssh_server: Some("S"),
        };
        assert_eq!(advise(machines("H", "S")).unwrap()[0].clear, []);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let off = &advise(machines("pc", "mail")).unwrap()[0];
        assert_eq!(off.clear, [pair("pc", "H"), pair("S", "mail")]);
        assert_eq!(off.needs, [pair("H", "S"), pair("pc", "H"), pair("S", "mail")]);
        assert_eq!(off.listener(), "H");
    }
}
