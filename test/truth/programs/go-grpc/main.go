// A gRPC service in Go behind an HTTP server of its own: handlers of both call on.
package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

var (
	next   = os.Getenv("NEXT")
	client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
)

// Messages are bytes.
type plain struct{}

func (plain) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }
func (plain) Unmarshal(bytes []byte, message any) error {
	*message.(*[]byte) = append([]byte(nil), bytes...)
	return nil
}
func (plain) Name() string { return "plain" }

func call(ctx context.Context, path string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, next+path, nil)
	if err != nil {
		return
	}
	response, err := client.Do(request)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
}

// The method's name is the request's path.
func handle(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	var message []byte
	if err := stream.RecvMsg(&message); err != nil {
		return err
	}
	query := string(message)
	calls := 1
	if _, rest, found := strings.Cut(query, "n="); found {
		calls, _ = strconv.Atoi(rest[:1])
	}
	if strings.Contains(query, "w=sleep") {
		time.Sleep(3 * time.Millisecond)
	}
	var group sync.WaitGroup
	for index := 1; index <= calls; index++ {
		path := method + "." + strconv.Itoa(index) + "?" + query
		if strings.Contains(query, "m=par") {
			group.Add(1)
			go func() { defer group.Done(); call(stream.Context(), path) }()
			continue
		}
		call(stream.Context(), path)
	}
	group.Wait()
	answer := []byte("ok")
	return stream.SendMsg(&answer)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(handle), grpc.ForceServerCodec(plain{}))
	go func() { _ = server.Serve(listener) }()
	connection, err := grpc.NewClient(listener.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(plain{})))
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/h/", func(writer http.ResponseWriter, request *http.Request) {
		message := []byte(request.URL.RawQuery)
		var answer []byte
		ctx := metadata.NewOutgoingContext(request.Context(), metadata.MD{})
		if err := connection.Invoke(ctx, request.URL.Path+".1", &message, &answer); err != nil {
			http.Error(writer, err.Error(), http.StatusBadGateway)
			return
		}
		_, _ = writer.Write(answer)
	})
	if err := http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil); err != nil {
		os.Exit(1)
	}
}
