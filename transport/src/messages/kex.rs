//! Messages 20-34: RFC 4253 sections 7 and 8, RFC 5656 section 4, RFC 4419 section 3.
//!
//! Numbers 30-49 belong to the negotiated method; 30 and 31 therefore stand here more than once,
//! with the same shape and the field names of the RFC that defines each.

crate::messages! {
    /// RFC 4253 section 7.1.
    20 "SSH_MSG_KEXINIT" "4253#7.1" KexInit {
        cookie: cookie,
        kex_algorithms: name_list,
        server_host_key_algorithms: name_list,
        encryption_algorithms_client_to_server: name_list,
        encryption_algorithms_server_to_client: name_list,
        mac_algorithms_client_to_server: name_list,
        mac_algorithms_server_to_client: name_list,
        compression_algorithms_client_to_server: name_list,
        compression_algorithms_server_to_client: name_list,
        languages_client_to_server: name_list,
        languages_server_to_client: name_list,
        first_kex_packet_follows: boolean,
        reserved: uint32,
    }
    /// RFC 4253 section 7.3.
    21 "SSH_MSG_NEWKEYS" "4253#7.3" NewKeys {}
    /// RFC 4253 section 8.
    30 "SSH_MSG_KEXDH_INIT" "4253#8" KexDhInit { e: mpint }
    /// RFC 4253 section 8.
    31 "SSH_MSG_KEXDH_REPLY" "4253#8" KexDhReply { k_s: string, f: mpint, signature_of_h: string }
    /// RFC 5656 section 4, RFC 8731 section 3.1; the hybrids put both shares into `q_c`.
    30 "SSH_MSG_KEX_ECDH_INIT" "5656#4" KexEcdhInit { q_c: string }
    /// RFC 5656 section 4, RFC 8731 section 3.1; the hybrids put ciphertext and share into `q_s`.
    31 "SSH_MSG_KEX_ECDH_REPLY" "5656#4" KexEcdhReply {
        k_s: string, q_s: string, signature_of_h: string,
    }
    /// RFC 4419 section 3.
    34 "SSH_MSG_KEX_DH_GEX_REQUEST" "4419#3" KexDhGexRequest { min: uint32, n: uint32, max: uint32 }
    /// RFC 4419 section 3.
    31 "SSH_MSG_KEX_DH_GEX_GROUP" "4419#3" KexDhGexGroup { p: mpint, g: mpint }
    /// RFC 4419 section 3.
    32 "SSH_MSG_KEX_DH_GEX_INIT" "4419#3" KexDhGexInit { e: mpint }
    /// RFC 4419 section 3.
    33 "SSH_MSG_KEX_DH_GEX_REPLY" "4419#3" KexDhGexReply {
        k_s: string, f: mpint, signature_of_h: string,
    }
}
