//! Messages 93-100: RFC 4254 sections 5.2 to 5.4.

tssh_transport::messages! {
    /// RFC 4254 section 5.2.
    93 "SSH_MSG_CHANNEL_WINDOW_ADJUST" "4254#5.2" ChannelWindowAdjust {
        recipient_channel: uint32, bytes_to_add: uint32,
    }
    /// RFC 4254 section 5.2.
    94 "SSH_MSG_CHANNEL_DATA" "4254#5.2" ChannelData { recipient_channel: uint32, data: string }
    /// RFC 4254 section 5.2.
    95 "SSH_MSG_CHANNEL_EXTENDED_DATA" "4254#5.2" ChannelExtendedData {
        recipient_channel: uint32, data_type_code: uint32, data: string,
    }
    /// RFC 4254 section 5.3.
    96 "SSH_MSG_CHANNEL_EOF" "4254#5.3" ChannelEof { recipient_channel: uint32 }
    /// RFC 4254 section 5.3.
    97 "SSH_MSG_CHANNEL_CLOSE" "4254#5.3" ChannelClose { recipient_channel: uint32 }
    /// RFC 4254 section 5.4; what follows 'want reply' belongs to the type, see
    /// [`ChannelRequest`](super::ChannelRequest).
    98 "SSH_MSG_CHANNEL_REQUEST" "4254#5.4" ChannelRequestMsg {
        recipient_channel: uint32, request_type: string, want_reply: boolean, type_data: rest,
    }
    /// RFC 4254 section 5.4.
    99 "SSH_MSG_CHANNEL_SUCCESS" "4254#5.4" ChannelSuccess { recipient_channel: uint32 }
    /// RFC 4254 section 5.4.
    100 "SSH_MSG_CHANNEL_FAILURE" "4254#5.4" ChannelFailure { recipient_channel: uint32 }
}
