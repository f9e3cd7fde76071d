<?php
// PHP-FPM behind nginx: one request at a time in a process.
$query = [];
parse_str($_SERVER['QUERY_STRING'] ?? '', $query);
$path = explode('?', $_SERVER['REQUEST_URI'], 2)[0];
for ($index = 1; $index <= (int) ($query['n'] ?? 1); $index++) {
    switch ($query['w'] ?? 'none') {
        case 'cpu': for ($end = microtime(true) + 0.001; microtime(true) < $end;); break;
        case 'sleep': usleep(random_int(1000, 9000)); break;
        case 'file': file_get_contents('/etc/services'); break;
    }
    file_get_contents(getenv('NEXT') . "$path.$index?" . $_SERVER['QUERY_STRING']);
}
if (isset($query['p'])) usleep(1000 * (int) $query['p']);
echo "ok\n";
