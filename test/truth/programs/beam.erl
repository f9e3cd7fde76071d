%% Erlang: a process for each connection, on any scheduler thread; each has an upstream connection of its own.
-module(beam).
-export([main/1]).

main(_) ->
    Port = list_to_integer(os:getenv("PORT")),
    Next = list_to_integer(lists:last(string:split(os:getenv("NEXT"), ":", all))),
    Options = [binary, {active, false}, {reuseaddr, true}, {backlog, 256}, {nodelay, true}, {ip, {127, 0, 0, 1}}],
    {ok, Listener} = gen_tcp:listen(Port, Options),
    accept(Listener, Next).

accept(Listener, Next) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    Pid = spawn(fun() -> receive go -> serve(Socket, connect(Next), <<>>) end end),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Pid ! go,
    accept(Listener, Next).

connect(Next) ->
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, Next, [binary, {active, false}, {nodelay, true}]),
    Socket.

serve(Socket, Upstream, Rest) ->
    case head(Socket, Rest) of
        closed ->
            gen_tcp:close(Upstream);
        {Head, More} ->
            [_, Target | _] = binary:split(Head, <<" ">>, [global]),
            [Path, Query] = case binary:split(Target, <<"?">>) of [P, Q] -> [P, Q]; [P] -> [P, <<>>] end,
            lists:foreach(fun(Index) -> call(Upstream, Path, Index, Query) end, lists:seq(1, number(<<"n">>, Query, 1))),
            case number(<<"p">>, Query, 0) of 0 -> ok; Lingers -> timer:sleep(Lingers) end,
            ok = gen_tcp:send(Socket, <<"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n">>),
            serve(Socket, Upstream, More)
    end.

call(Upstream, Path, Index, Query) ->
    case field(<<"w">>, Query) of
        <<"sleep">> -> timer:sleep(rand:uniform(8));
        <<"cpu">> -> burn(erlang:monotonic_time(microsecond) + 1000);
        _ -> ok
    end,
    Number = integer_to_binary(Index),
    ok = gen_tcp:send(Upstream, [<<"GET ">>, Path, <<".">>, Number, <<"?">>, Query, <<" HTTP/1.1\r\nHost: next\r\n\r\n">>]),
    {Head, More} = head(Upstream, <<>>),
    {match, [Length]} = re:run(Head, <<"(?i)content-length: *([0-9]+)">>, [{capture, all_but_first, binary}]),
    body(Upstream, binary_to_integer(Length) - byte_size(More)).

body(_, Left) when Left =< 0 -> ok;
body(Upstream, Left) -> {ok, _} = gen_tcp:recv(Upstream, Left), ok.

burn(End) ->
    case erlang:monotonic_time(microsecond) < End of true -> burn(End); false -> ok end.

head(Socket, Bytes) ->
    case binary:split(Bytes, <<"\r\n\r\n">>) of
        [Head, More] -> {Head, More};
        _ ->
            case gen_tcp:recv(Socket, 0) of
                {ok, Got} -> head(Socket, <<Bytes/binary, Got/binary>>);
                {error, _} -> closed
            end
    end.

field(Name, Query) ->
    Pairs = [binary:split(Pair, <<"=">>) || Pair <- binary:split(Query, <<"&">>, [global])],
    case [Value || [Key, Value] <- Pairs, Key =:= Name] of [Value | _] -> Value; [] -> none end.

number(Name, Query, Else) ->
    case field(Name, Query) of none -> Else; Value -> binary_to_integer(Value) end.
