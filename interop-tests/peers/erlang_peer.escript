#!/usr/bin/env escript
%% Erlang/OTP's ssh as a server for tssh: server PORT HOST_KEY USER_PUBLIC_KEY REKEY_BYTES
%%
%% Prints "ready" once it listens. It wants its files under names of its own.

main(["server", Port, HostKey, UserKey, _]) ->
    Folder = filename:join(filename:dirname(HostKey), "erlang"),
    _ = file:make_dir(Folder),
    {ok, _} = file:copy(HostKey, filename:join(Folder, "ssh_host_ed25519_key")),
    {ok, _} = file:copy(UserKey, filename:join(Folder, "authorized_keys")),
    {ok, _} = application:ensure_all_started(ssh),
    {ok, _} = ssh:daemon({127, 0, 0, 1}, list_to_integer(Port), [
        {system_dir, Folder},
        {user_dir, Folder},
        {auth_methods, "publickey"},
        {tcpip_tunnel_in, true},
        {tcpip_tunnel_out, true}
    ]),
    io:format("ready~n"),
    receive forever -> ok end.
