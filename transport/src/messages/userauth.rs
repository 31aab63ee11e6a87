//! Messages 50-61: RFC 4252 and RFC 4256.
//!
//! Number 60 belongs to the method in progress, so three messages share it.

crate::messages! {
    /// RFC 4252 section 5; what follows the method name is the method's.
    50 "SSH_MSG_USERAUTH_REQUEST" "4252#5" UserauthRequest {
        user_name: string, service_name: string, method_name: string, method_fields: rest,
    }
    /// RFC 4252 section 5.1.
    51 "SSH_MSG_USERAUTH_FAILURE" "4252#5.1" UserauthFailure {
        authentications_that_can_continue: name_list, partial_success: boolean,
    }
    /// RFC 4252 section 5.1.
    52 "SSH_MSG_USERAUTH_SUCCESS" "4252#5.1" UserauthSuccess {}
    /// RFC 4252 section 5.4.
    53 "SSH_MSG_USERAUTH_BANNER" "4252#5.4" UserauthBanner { message: string, language_tag: string }
    /// RFC 4252 section 7.
    60 "SSH_MSG_USERAUTH_PK_OK" "4252#7" UserauthPkOk {
        public_key_algorithm_name: string, public_key_blob: string,
    }
    /// RFC 4252 section 8.
    60 "SSH_MSG_USERAUTH_PASSWD_CHANGEREQ" "4252#8" UserauthPasswdChangereq {
        prompt: string, language_tag: string,
    }
    /// RFC 4256 section 3.2: the prompts follow, each a string and a boolean.
    60 "SSH_MSG_USERAUTH_INFO_REQUEST" "4256#3.2" UserauthInfoRequest {
        name: string, instruction: string, language_tag: string, num_prompts: uint32, prompts: rest,
    }
    /// RFC 4256 section 3.4: the responses follow, each a string.
    61 "SSH_MSG_USERAUTH_INFO_RESPONSE" "4256#3.4" UserauthInfoResponse {
        num_responses: uint32, responses: rest,
    }
}
