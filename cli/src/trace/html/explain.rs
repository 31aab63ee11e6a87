//! What a message and each of its fields are for, in a sentence or two.

/// What a message does.
pub fn message(number: u64) -> &'static str {
    match number {
        1 => "One side ends the connection and says why.",
        2 => "To be ignored: filler against whoever counts packets.",
        3 => "The peer did not know a message and names its sequence number.",
        4 => "A remark for whoever looks for a fault.",
        5 => "The client asks for a service; the only one left to ask for is the login.",
        6 => "The server grants the service.",
        7 => "What this side can do beyond the base protocol.",
        20 => {
            "Everything this side can do, best first. Both sides send theirs at once, and nobody \
             has agreed on anything yet."
        }
        21 => "The last packet under the old keys. Whatever follows is sealed with the new ones.",
        30 => {
            "The client's half of the exchange. Whoever listens sees it and cannot make use of it."
        }
        31 => {
            "The server's half, its host key, and a signature that ties both to everything said \
             so far."
        }
        32 => "The client's half, in the group that the server has chosen.",
        33 => "The server's half, its host key, and its signature over the exchange hash.",
        34 => "The client says how large a group it wants.",
        50 => "The client tries one way to prove who it is.",
        51 => "Not enough yet: the names of the methods that may go on.",
        52 => "The client is who it says. From here on the connection carries channels.",
        53 => "Text that the server wants shown before the login.",
        60 => "The server answers within the method that is being tried.",
        61 => "The answers to the server's questions.",
        80 => "A request about the whole connection, such as a port to listen on.",
        81 => "The request about the whole connection was granted.",
        82 => "The request about the whole connection was refused.",
        90 => {
            "One side opens a channel: a stream of its own inside the connection, with a window \
             of its own."
        }
        91 => "The channel is open. Each side now knows the other's number for it.",
        92 => "The channel was refused.",
        93 => "The reader has made room: the peer may send so many bytes more.",
        94 => "Bytes of the channel. Each of them uses up the window.",
        95 => "Bytes of a second stream of the channel, such as a program's errors.",
        96 => "No more bytes will come this way; the other way stays open.",
        97 => "The channel is over. Once both sides have said so, its number is free.",
        98 => "A request about one channel: a command to run, its exit status, a terminal.",
        99 => "The request about the channel was granted.",
        100 => "The request about the channel was refused.",
        192 => "Is anybody there? The same bytes are to come back.",
        193 => "The answer to a ping.",
        _ => "",
    }
}

/// What a field is for.
pub fn field(message: u64, name: &str) -> &'static str {
    match name {
        "message number" => "Which message this is. All that follows is read by its rules.",
        "cookie" => {
            "Sixteen random bytes, new for each exchange. They keep either side from deciding the \
             exchange hash alone."
        }
        "kex_algorithms" => {
            "Ways to agree on a shared secret, best first. The first name of the client's list \
             that the server knows wins. Names that begin with ext-info or kex-strict choose \
             nothing: they tell what else this side understands."
        }
        "server_host_key_algorithms" => {
            "Kinds of key with which the server may prove who it is, best first."
        }
        "encryption_algorithms_client_to_server" => {
            "Ciphers for what the client sends. Each direction chooses for itself."
        }
        "encryption_algorithms_server_to_client" => "Ciphers for what the server sends.",
        "mac_algorithms_client_to_server" => {
            "What keeps the client's packets from being altered. Not used where the cipher does \
             that by itself."
        }
        "mac_algorithms_server_to_client" => {
            "What keeps the server's packets from being altered, unless the cipher does."
        }
        "compression_algorithms_client_to_server" | "compression_algorithms_server_to_client" => {
            "Whether payloads are made smaller before they are encrypted."
        }
        "languages_client_to_server" | "languages_server_to_client" => {
            "Languages for texts; nobody uses this, and the list is empty."
        }
        "first_kex_packet_follows" => {
            "Whether the next packet is already a guess at the exchange, sent to save a round trip."
        }
        "reserved" => "Kept for a later version; zero.",
        "Q_C" | "e" => {
            "The client's ephemeral public value: made for this one exchange, and forgotten \
             afterwards."
        }
        "Q_S" | "f" => "The server's ephemeral public value, or what it wrapped for the client's.",
        "K_S" => {
            "The server's host key: the one that known_hosts remembers. It says who the server \
             claims to be; the signature proves it."
        }
        "signature of H" | "signature of h" => {
            "The server signs the exchange hash with its host key. Only now does the client know \
             whom it speaks with, for H covers every byte that both have said."
        }
        "p" => "The prime of the group, as the server has chosen it.",
        "g" => "The generator of the group.",
        "min" | "n" | "max" => "How large the group should be, in bits.",
        other => later(message, other),
    }
}

/// Fields of what is encrypted.
fn later(message: u64, name: &str) -> &'static str {
    match name {
        "service name" => "What is asked for: ssh-userauth first, ssh-connection behind it.",
        "user name" => "Who wants to log in. It is sent encrypted, so only the server learns it.",
        "method name" => "The way of proving it that is tried.",
        "has signature" => {
            "False asks whether the key would do at all; true comes with the signature."
        }
        "public key algorithm name" => "How the signature is made.",
        "public key blob" => "The user's public key. The server looks for it in its list.",
        "signature" => {
            "Made with the user's private key over the session identifier and this request, so \
             that it is of use in this session only."
        }
        "plaintext password" => "The password itself. Encryption is all that protects it here.",
        "authentications that can continue" => "Methods that may still lead to a login.",
        "partial success" => "True where this step was right and another is needed.",
        "nr extensions" => "How many pairs of name and value follow.",
        "extension-name" => "What this side can do.",
        "extension-value" => "And how.",
        "channel type" => {
            "What is at the far end: a session, or a TCP connection that the server is to make."
        }
        "sender channel" => "The number under which the sender knows this channel.",
        "recipient channel" => "The channel, by the number that the receiver gave it.",
        "initial window size" => "How many bytes may be sent to the sender before it grants more.",
        "maximum packet size" => "The most bytes of data in one packet to the sender.",
        "host to connect" => {
            "Where the far end is to connect to. It is the server that looks this name up."
        }
        "port to connect" => "The port there.",
        "originator IP address" | "originator address" => {
            "Where the forwarded connection came from."
        }
        "originator port" => "Its port.",
        "address that was connected" => "Where somebody connected to, on the listening side.",
        "port that was connected" => "The port there.",
        "address to bind" => "Where to listen; empty for everywhere.",
        "port number to bind" => "The port to listen on; 0 lets the listener choose.",
        "bytes to add" => "The window grows by so many bytes.",
        "data" => "What the channel carries. SSH does not look inside.",
        "data type code" => "1 is what a program writes to its standard error.",
        "request name" | "request type" => "What is asked for.",
        "want reply" => "Whether the receiver is to say if it worked.",
        "command" => "The command line, for the user's shell at the far end.",
        "exit status" => "How the command ended; 0 is success.",
        "reason code" if message == 92 => "Why not: 1 forbidden, 2 connect failed, 3, 4 others.",
        "reason code" => "Why; 11 is the ordinary end.",
        "description" => "The same in words.",
        "language tag" | "language" => "The language of the text; hardly ever filled in.",
        "message" => "Text for the user.",
        _ => "",
    }
}

/// How a type is written down.
pub fn kind(name: &str) -> &'static str {
    match name {
        "string" => "Four bytes of length, then the bytes.",
        "name-list" => "Four bytes of length, then names with commas between them.",
        "mpint" => "Four bytes of length, then a number, its highest byte first.",
        "uint32" => "A number in four bytes, the highest first.",
        "boolean" => "One byte: 0 is false, all else true.",
        _ => "",
    }
}

/// What each input of the exchange hash is.
pub fn input(name: &str) -> &'static str {
    match name {
        "V_C" => "the client's identification string, without its line end",
        "V_S" => "the server's identification string, without its line end",
        "I_C" => "the payload of the client's KEXINIT",
        "I_S" => "the payload of the server's KEXINIT",
        "K_S" => "the server's host key",
        "Q_C" | "e" => "the client's ephemeral public value",
        "Q_S" | "f" => "the server's ephemeral public value",
        "K" => "the shared secret: what both sides computed and nobody sent",
        "p" => "the prime of the group",
        "g" => "its generator",
        _ => "the size of group that the client asked for",
    }
}

/// How a cipher seals packets.
pub fn cipher(alg: &str) -> &'static str {
    if alg.contains("gcm") {
        "AES-GCM leaves the length readable, so that the reader knows where the packet ends, \
         encrypts the rest, and adds a tag of 16 bytes over both. One flipped bit anywhere, and \
         the tag does not fit: the connection ends."
    } else if alg.starts_with("chacha20") {
        "chacha20-poly1305 encrypts the length with a key of its own, everything else with a \
         second one, and adds a tag of 16 bytes. The nonce is the sequence number, which is not \
         sent: both sides count."
    } else if alg.contains("etm") {
        "Encrypt, then MAC: the length stays readable, the rest is encrypted, and the MAC covers \
         the sequence number, the length and the ciphertext. It is checked before anything is \
         decrypted."
    } else {
        "The whole packet is encrypted, its length too, so the first block must be decrypted \
         before anybody knows where it ends. The MAC covers the sequence number and the plaintext."
    }
}

/// How a method comes to a shared secret.
pub fn method(name: &str) -> &'static str {
    if name.starts_with("mlkem768") {
        "A hybrid: ML-KEM-768, which a quantum computer should not break, and X25519, which has \
         been trusted for longer. K is the hash of both secrets, so both must fall before it does."
    } else if name.starts_with("sntrup761") {
        "A hybrid: Streamlined NTRU Prime 761, which a quantum computer should not break, and \
         X25519, which has been trusted for longer. K is the hash of both secrets, so both must \
         fall before it does."
    } else if name.starts_with("curve25519") {
        "X25519: each side multiplies a point of the curve by a secret number of its own. Both \
         products lead to the same point, and that is K."
    } else if name.starts_with("ecdh") {
        "Elliptic curve Diffie-Hellman on a NIST curve: the x coordinate of the common point is K."
    } else {
        "Diffie-Hellman in a group of numbers modulo a large prime: both sides arrive at the same \
         power of the generator, and that is K."
    }
}

/// Of what the public values of a hybrid are made: name and length of the client's first part,
/// and of the server's.
pub fn hybrid(method: &str) -> Option<[(&'static str, usize); 2]> {
    if method.starts_with("mlkem768") {
        Some([("ML-KEM-768 encapsulation key", 1184), ("ML-KEM-768 ciphertext", 1088)])
    } else if method.starts_with("sntrup761") {
        Some([("sntrup761 public key", 1158), ("sntrup761 ciphertext", 1039)])
    } else {
        None
    }
}

/// What is special about one decision.
pub fn decision(what: &str) -> &'static str {
    if what.starts_with("key exchange") {
        "How the two sides come to a secret that only they know."
    } else if what.starts_with("host key") {
        "With what kind of key the server proves who it is."
    } else if what.starts_with("cipher") {
        "What keeps packets from being read."
    } else if what.starts_with("MAC") {
        "What keeps packets from being altered."
    } else if what.starts_with("compression") {
        "Whether payloads are made smaller first."
    } else {
        "Both sides must announce it, so that nobody in between can drop or insert packets before \
         the first NEWKEYS unnoticed."
    }
}
