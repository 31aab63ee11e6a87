//! Messages 93-100: RFC 4254 sections 5.2 to 5.4.

tssh_transport::messages! {
    /// RFC 4254 section 5.2.
    93 "SSH_MSG_CHANNEL_WINDOW_ADJUST" ChannelWindowAdjust {
        recipient_channel: uint32, bytes_to_add: uint32,
    }
    /// RFC 4254 section 5.2.
    94 "SSH_MSG_CHANNEL_DATA" ChannelData { recipient_channel: uint32, data: string }
    /// RFC 4254 section 5.2.
    95 "SSH_MSG_CHANNEL_EXTENDED_DATA" ChannelExtendedData {
        recipient_channel: uint32, data_type_code: uint32, data: string,
    }
    /// RFC 4254 section 5.3.
    96 "SSH_MSG_CHANNEL_EOF" ChannelEof { recipient_channel: uint32 }
    /// RFC 4254 section 5.3.
    97 "SSH_MSG_CHANNEL_CLOSE" ChannelClose { recipient_channel: uint32 }
    /// RFC 4254 section 5.4; what follows 'want reply' belongs to the type, see
    /// [`ChannelRequest`](super::ChannelRequest).
    98 "SSH_MSG_CHANNEL_REQUEST" ChannelRequestMsg {
        recipient_channel: uint32, request_type: string, want_reply: boolean, type_data: rest,
    }
    /// RFC 4254 section 5.4.
    99 "SSH_MSG_CHANNEL_SUCCESS" ChannelSuccess { recipient_channel: uint32 }
    /// RFC 4254 section 5.4.
    100 "SSH_MSG_CHANNEL_FAILURE" ChannelFailure { recipient_channel: uint32 }
}
