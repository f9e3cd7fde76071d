// A Go server whose handlers call Redis (go-redis), PostgreSQL (pgx), or HTTP by fasthttp, which serves it too, as MODE says.
package main

import (
	"context"
	"math/rand"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/valyala/fasthttp"
)

type caller func(ctx context.Context, path, query string) error

var next = os.Getenv("NEXT")

func poolSize() int {
	size, _ := strconv.Atoi(os.Getenv("POOL"))
	return min(80, size)
}

func newRedis() (caller, error) {
	options, err := redis.ParseURL(next)
	if err != nil {
		return nil, err
	}
	options.PoolSize = poolSize()
	options.PoolTimeout = time.Minute
	client := redis.NewClient(options)
	return func(ctx context.Context, path, _ string) error {
		if err := client.Get(ctx, path).Err(); err != redis.Nil {
			return err
		}
		return nil
	}, nil
}

func newPostgres() (caller, error) {
	config, err := pgxpool.ParseConfig(next)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(poolSize())
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	return func(ctx context.Context, path, _ string) error {
		_, err := pool.Exec(ctx, `SELECT 1 AS "`+path+`"`)
		return err
	}, err
}

func newFast() (caller, error) {
	client := &fasthttp.Client{MaxConnsPerHost: 256, MaxConnWaitTimeout: time.Minute}
	return func(_ context.Context, path, query string) error {
		_, _, err := client.Get(nil, next+path+"?"+query)
		return err
	}, nil
}

func doWork(kind string) {
	switch kind {
	case "cpu":
		for end := time.Now().Add(time.Millisecond); time.Now().Before(end); {
		}
	case "sleep":
		time.Sleep(time.Millisecond + time.Duration(rand.Intn(8000))*time.Microsecond)
	case "file":
		_, _ = os.ReadFile("/etc/services")
	}
}

func handle(ctx context.Context, call caller, path, rawQuery string) {
	query, _ := url.ParseQuery(rawQuery)
	calls := 1
	if query.Has("n") {
		calls, _ = strconv.Atoi(query.Get("n"))
	}
	one := func(ctx context.Context, index int) {
		doWork(query.Get("w"))
		_ = call(ctx, path+"."+strconv.Itoa(index), rawQuery)
	}
	var group sync.WaitGroup
	for index := 1; index <= calls; index++ {
		switch query.Get("m") {
		case "par":
			group.Add(1)
			go func() { defer group.Done(); one(ctx, index) }()
		case "after":
			go one(context.WithoutCancel(ctx), index)
		default:
			one(ctx, index)
		}
	}
	group.Wait()
	if after, _ := strconv.Atoi(query.Get("p")); after > 0 {
		time.Sleep(time.Duration(after) * time.Millisecond)
	}
}

func serve(mode, address string) error {
	if mode == "fasthttp" {
		call, _ := newFast()
		return fasthttp.ListenAndServe(address, func(request *fasthttp.RequestCtx) {
			path, query := string(request.Path()), string(request.URI().QueryString())
			handle(context.Background(), call, path, query)
			request.SetBodyString("ok\n")
		})
	}
	connect := newPostgres
	if strings.HasPrefix(next, "redis:") {
		connect = newRedis
	}
	call, err := connect()
	if err != nil {
		return err
	}
	return http.ListenAndServe(address, http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		handle(request.Context(), call, request.URL.Path, request.URL.RawQuery)
		_, _ = writer.Write([]byte("ok\n"))
	}))
}

func main() {
	if err := serve(os.Getenv("MODE"), "127.0.0.1:"+os.Getenv("PORT")); err != nil {
		println(err.Error())
		os.Exit(1)
	}
}
