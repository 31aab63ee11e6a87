//! Messages 1-8 and 192-193: RFC 4253 sections 10 and 11, RFC 8308, and ping@openssh.com.

crate::messages! {
    /// RFC 4253 section 11.1.
    1 "SSH_MSG_DISCONNECT" "4253#11.1" Disconnect {
        reason_code: uint32, description: string, language_tag: string,
    }
    /// RFC 4253 section 11.2.
    2 "SSH_MSG_IGNORE" "4253#11.2" Ignore { data: string }
    /// RFC 4253 section 11.4.
    3 "SSH_MSG_UNIMPLEMENTED" "4253#11.4" Unimplemented { packet_sequence_number: uint32 }
    /// RFC 4253 section 11.3.
    4 "SSH_MSG_DEBUG" "4253#11.3" Debug {
        always_display: boolean, message: string, language_tag: string,
    }
    /// RFC 4253 section 10.
    5 "SSH_MSG_SERVICE_REQUEST" "4253#10" ServiceRequest { service_name: string }
    /// RFC 4253 section 10.
    6 "SSH_MSG_SERVICE_ACCEPT" "4253#10" ServiceAccept { service_name: string }
    /// RFC 8308 section 2.3: a count of extensions, then name and value of each.
    7 "SSH_MSG_EXT_INFO" "8308#2.3" ExtInfo { nr_extensions: uint32, extensions: rest }
    /// ping@openssh.com.
    192 "SSH2_MSG_PING" "" Ping { data: string }
    /// ping@openssh.com.
    193 "SSH2_MSG_PONG" "" Pong { data: string }
}
