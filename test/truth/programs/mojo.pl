# Mojolicious: an event loop of Perl, promises and a client with kept connections.
use Mojolicious::Lite -signatures;
use Mojo::IOLoop;
use Mojo::Promise;
use Time::HiRes qw(time);

my $next = $ENV{NEXT};
app->ua->max_connections(256);
app->log->level('fatal');

sub work ($kind) {
    if ($kind eq 'sleep') { return Mojo::Promise->timer(0.001 + rand 0.008) }
    if ($kind eq 'cpu') {
        my $end = time + 0.001;
        1 while time < $end;
    }
    return Mojo::Promise->resolve;
}

get '/h/*id' => sub ($c) {
    my $query = $c->req->url->query;
    my ($id, $text) = ($c->param('id'), $query->to_string);
    my @indexes = 1 .. ($query->param('n') // 1);
    my $one = sub ($index) {
        work($query->param('w') // 'none')->then(sub { $c->ua->get_p("$next/h/$id.$index?$text") });
    };
    $c->render_later;
    my $all = Mojo::Promise->resolve;
    if (($query->param('m') // '') eq 'par') {
        $all = Mojo::Promise->all(map { $one->($_) } @indexes);
    } else {
        for my $index (@indexes) { $all = $all->then(sub { $one->($index) }) }
    }
    $all->then(sub { Mojo::Promise->timer(($query->param('p') // 0) / 1000) if $query->param('p') })
      ->then(sub { $c->render(text => "ok\n") })->catch(sub ($error) { $c->reply->exception($error) });
};
app->start('daemon', '-l', "http://127.0.0.1:$ENV{PORT}", '-b', 256);
