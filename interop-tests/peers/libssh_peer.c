/* libssh as a client of tsshd.
 *
 * client PORT USER KEY HOST_PUBLIC_KEY REKEY_BYTES exec COMMAND
 * client ... local LISTEN TO | remote LISTEN TO | stdio TO
 *
 * Prints "ready" once it listens; a client that forwards ends with its standard input. One
 * channel at a time.
 */
#include <arpa/inet.h>
#include <libssh/libssh.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 16384
#define WAIT_MILLISECONDS 50

static ssh_session session;

static void check(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "%s: %s\n", what, session ? ssh_get_error(session) : "");
        exit(255);
    }
}

static void log_in(int port, const char *user, const char *key_file, const char *host_key,
                   const char *rekey)
{
    ssh_key key = NULL, expected = NULL, shown = NULL;
    uint64_t bytes = strtoull(rekey, NULL, 10);

    session = ssh_new();
    ssh_options_set(session, SSH_OPTIONS_HOST, "127.0.0.1");
    ssh_options_set(session, SSH_OPTIONS_PORT, &port);
    ssh_options_set(session, SSH_OPTIONS_USER, user);
    if (bytes > 0)
        ssh_options_set(session, SSH_OPTIONS_REKEY_DATA, &bytes);
    check(ssh_connect(session) == SSH_OK, "connect");
    check(ssh_pki_import_pubkey_file(host_key, &expected) == SSH_OK, "the host key");
    check(ssh_get_server_publickey(session, &shown) == SSH_OK, "the host key");
    check(ssh_key_cmp(expected, shown, SSH_KEY_CMP_PUBLIC) == 0, "another host key");
    check(ssh_pki_import_privkey_file(key_file, NULL, NULL, NULL, &key) == SSH_OK, "the key");
    check(ssh_userauth_publickey(session, NULL, key) == SSH_AUTH_SUCCESS, "log in");
}

static void put(int to, const char *data, int size)
{
    while (size > 0) {
        ssize_t written = write(to, data, size);
        if (written <= 0)
            return;
        data += written;
        size -= written;
    }
}

/* What has come on the channel; whether there was any. */
static int receive(ssh_channel channel, int to, int is_stderr)
{
    char data[PIECE];
    int size = ssh_channel_read_nonblocking(channel, data, sizeof data, is_stderr);
    if (size > 0)
        put(to, data, size);
    return size > 0;
}

/* Both directions; until both have ended, or, with errors_to, until the peer's has. */
static void relay(ssh_channel channel, int from, int to, int errors_to)
{
    char data[PIECE];
    int reading = 1, ended = 0;

    while (!ended || (reading && errors_to < 0)) {
        struct pollfd polled[2] = {{ssh_get_fd(session), POLLIN, 0}, {from, POLLIN, 0}};
        int moved = 0;
        if (!ended) {
            moved |= receive(channel, to, 0);
            if (errors_to >= 0)
                moved |= receive(channel, errors_to, 1);
            if (!moved && ssh_channel_is_eof(channel)) {
                ended = 1;
                if (errors_to < 0)
                    shutdown(to, SHUT_WR);
                continue;
            }
        }
        poll(polled, reading ? 2 : 1, moved ? 0 : WAIT_MILLISECONDS);
        if (reading && polled[1].revents) {
            ssize_t size = read(from, data, sizeof data);
            if (size > 0) {
                check(ssh_channel_write(channel, data, size) == size, "send");
            } else {
                ssh_channel_send_eof(channel);
                reading = 0;
            }
        }
    }
}

static int execute(const char *command)
{
    ssh_channel channel = ssh_channel_new(session);
    check(ssh_channel_open_session(channel) == SSH_OK, "open");
    check(ssh_channel_request_exec(channel, command) == SSH_OK, "exec");
    relay(channel, 0, 1, 2);
    ssh_channel_close(channel);
    return ssh_channel_get_exit_status(channel);
}

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void join(ssh_channel channel, int plain)
{
    relay(channel, plain, plain, -1);
    ssh_channel_close(channel);
    ssh_channel_free(channel);
    close(plain);
}

static void forward_local(int listen_port, int to)
{
    struct sockaddr_in address = loopback(listen_port);
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    check(bind(listener, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    check(listen(listener, 8) == 0, "listen");
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct pollfd polled[2] = {{0, POLLIN, 0}, {listener, POLLIN, 0}};
        poll(polled, 2, -1);
        if (polled[1].revents == 0)
            return;
        int plain = accept(listener, NULL, NULL);
        ssh_channel channel = ssh_channel_new(session);
        check(ssh_channel_open_forward(channel, "127.0.0.1", to, "127.0.0.1", 1) == SSH_OK,
              "forward");
        join(channel, plain);
    }
}

static void forward_remote(int listen_port, int to)
{
    check(ssh_channel_listen_forward(session, "127.0.0.1", listen_port, NULL) == SSH_OK, "listen");
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct pollfd polled = {0, POLLIN, 0};
        struct sockaddr_in address = loopback(to);
        ssh_channel channel =
            ssh_channel_open_forward_port(session, WAIT_MILLISECONDS, NULL, NULL, NULL);
        if (channel != NULL) {
            int plain = socket(AF_INET, SOCK_STREAM, 0);
            check(connect(plain, (struct sockaddr *)&address, sizeof address) == 0, "connect");
            join(channel, plain);
        } else if (poll(&polled, 1, 0) > 0) {
            return;
        }
    }
}

static void stdio(int to)
{
    ssh_channel channel = ssh_channel_new(session);
    check(ssh_channel_open_forward(channel, "127.0.0.1", to, "127.0.0.1", 1) == SSH_OK, "forward");
    relay(channel, 0, 1, -1);
}

int main(int argc, char **argv)
{
    int status = 0;

    check(argc >= 9, "usage: see the source");
    log_in(atoi(argv[2]), argv[3], argv[4], argv[5], argv[6]);
    if (strcmp(argv[7], "exec") == 0)
        status = execute(argv[8]);
    else if (strcmp(argv[7], "stdio") == 0)
        stdio(atoi(argv[8]));
    else if (strcmp(argv[7], "local") == 0)
        forward_local(atoi(argv[8]), atoi(argv[9]));
    else
        forward_remote(atoi(argv[8]), atoi(argv[9]));
    ssh_disconnect(session);
    return status;
}
