// A Go server that calls on: a goroutine per request, or a pool of workers behind a channel.
package main

import (
	"context"
	"io"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	next   = os.Getenv("NEXT")
	mode   = os.Getenv("MODE") // goroutine, background, pool, pool-context, proxy, timeout, h2c
	client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: poolSize()}}
	jobs   = make(chan job)
)

type job struct {
	ctx   context.Context
	shape shape
	path  string
	done  chan<- struct{}
}

// What the query asks for.
type shape struct {
	work     string
	attempts int
	patience time.Duration
}

func poolSize() int {
	size, _ := strconv.Atoi(os.Getenv("POOL"))
	return size
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

// The status; 504 when nobody answers in time.
func callOnce(ctx context.Context, path string, patience time.Duration) int {
	if patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, next+path, nil)
	if err != nil {
		return http.StatusInternalServerError
	}
	response, err := client.Do(request)
	if err != nil {
		return http.StatusGatewayTimeout
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}

func call(ctx context.Context, path string, shape shape) {
	for attempt := 0; attempt < shape.attempts; attempt++ {
		if callOnce(ctx, path, shape.patience) != http.StatusServiceUnavailable {
			return
		}
	}
}

func run(ctx context.Context, path string, shape shape) {
	if mode == "background" {
		ctx = context.Background()
	}
	if !strings.HasPrefix(mode, "pool") {
		doWork(shape.work)
		call(ctx, path, shape)
		return
	}
	done := make(chan struct{})
	if mode == "pool" {
		ctx = context.Background()
	}
	jobs <- job{ctx, shape, path, done}
	<-done
}

func serve(writer http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	calls := 1
	if query.Has("n") {
		calls, _ = strconv.Atoi(query.Get("n"))
	}
	id := strings.TrimPrefix(request.URL.Path, "/h/")
	asked := shape{work: query.Get("w"), attempts: 1}
	if query.Has("r") {
		asked.attempts = 2
	}
	if patience, _ := strconv.Atoi(query.Get("t")); patience > 0 {
		asked.patience = time.Duration(patience) * time.Millisecond
	}
	var group sync.WaitGroup
	for index := 1; index <= calls; index++ {
		path := "/h/" + id + "." + strconv.Itoa(index) + "?" + request.URL.RawQuery
		switch query.Get("m") {
		case "par":
			group.Add(1)
			go func() { defer group.Done(); run(request.Context(), path, asked) }()
		case "after":
			go run(context.WithoutCancel(request.Context()), path, asked)
		default:
			run(request.Context(), path, asked)
		}
	}
	group.Wait()
	if after, _ := strconv.Atoi(query.Get("p")); after > 0 {
		time.Sleep(time.Duration(after) * time.Millisecond)
	}
	_, _ = io.WriteString(writer, "ok\n")
}

func main() {
	for worker := 0; worker < 64; worker++ {
		go func() {
			for job := range jobs {
				doWork(job.shape.work)
				call(job.ctx, job.path, job.shape)
				close(job.done)
			}
		}()
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: front(), Protocols: protocols}
	if err := server.ListenAndServe(); err != nil {
		os.Exit(1)
	}
}
