# Starman: a process per request, LWP with a kept connection.
use strict;
use warnings;
use LWP::UserAgent;
use Time::HiRes qw(sleep time);
use URI;

my $next = $ENV{NEXT};
my $agent = LWP::UserAgent->new(keep_alive => 4);

sub work {
    my ($kind) = @_;
    if ($kind eq 'cpu') {
        my $end = time + 0.001;
        1 while time < $end;
    } elsif ($kind eq 'sleep') {
        sleep(0.001 + rand 0.008);
    } elsif ($kind eq 'file') {
        open my $file, '<', '/etc/services' or die;
        local $/;
        my $all = <$file>;
    }
}

sub {
    my $env = shift;
    my %query = URI->new("?$env->{QUERY_STRING}")->query_form;
    for my $index (1 .. $query{n} // 1) {
        work($query{w} // 'none');
        $agent->get("$next$env->{PATH_INFO}.$index?$env->{QUERY_STRING}");
    }
    sleep($query{p} / 1000) if $query{p};
    return [200, ['Content-Type', 'text/plain', 'Content-Length', 3], ["ok\n"]];
};
