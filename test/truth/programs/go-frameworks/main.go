// Frameworks of Go, by MODE: gin with database/sql, echo with net/http's client, fiber (fasthttp) with net/http's client.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/labstack/echo/v4"
)

const ok = "ok\n"

type caller func(path, query string) error

func main() {
	address := "127.0.0.1:" + os.Getenv("PORT")
	next := os.Getenv("NEXT")
	pool, _ := strconv.Atoi(os.Getenv("POOL"))
	switch mode := os.Getenv("MODE"); mode {
	case "gin":
		call := byDatabase(next, pool)
		gin.SetMode(gin.ReleaseMode)
		router := gin.New()
		router.Use(gin.Recovery())
		router.GET("/h/:id", func(c *gin.Context) {
			handle(call, c.Request.URL.Path, c.Request.URL.RawQuery)
			c.String(http.StatusOK, ok)
		})
		panic(router.Run(address))
	case "echo":
		call := byHTTP(next, pool)
		router := echo.New()
		router.HideBanner, router.HidePort = true, true
		router.GET("/h/:id", func(c echo.Context) error {
			handle(call, c.Request().URL.Path, c.Request().URL.RawQuery)
			return c.String(http.StatusOK, ok)
		})
		panic(router.Start(address))
	case "fiber":
		call := byHTTP(next, pool)
		router := fiber.New(fiber.Config{DisableStartupMessage: true})
		router.Get("/h/:id", func(c *fiber.Ctx) error {
			// Its strings are the connection's buffer.
			handle(call, strings.Clone(c.Path()), string(c.Request().URI().QueryString()))
			return c.SendString(ok)
		})
		panic(router.Listen(address))
	default:
		panic("no such mode: " + mode)
	}
}

func byHTTP(next string, pool int) caller {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: pool}}
	return func(path, query string) error {
		response, err := client.Get(next + path + "?" + query)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
}

func byDatabase(next string, pool int) caller {
	database, err := sql.Open("pgx", next)
	if err != nil {
		panic(err)
	}
	database.SetMaxOpenConns(min(80, pool))
	database.SetMaxIdleConns(80)
	return func(path, _ string) error {
		var one int
		return database.QueryRowContext(context.Background(), `SELECT 1 AS "`+path+`"`).Scan(&one)
	}
}

func handle(call caller, path, rawQuery string) {
	query, _ := url.ParseQuery(rawQuery)
	calls := 1
	if query.Has("n") {
		calls, _ = strconv.Atoi(query.Get("n"))
	}
	one := func(index int) {
		work(query.Get("w"))
		if err := call(path+"."+strconv.Itoa(index), rawQuery); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	var group sync.WaitGroup
	for index := 1; index <= calls; index++ {
		switch query.Get("m") {
		case "par":
			group.Add(1)
			go func() {
				defer group.Done()
				one(index)
			}()
		case "after":
			go one(index)
		default:
			one(index)
		}
	}
	group.Wait()
	if afterMs, _ := strconv.Atoi(query.Get("p")); afterMs > 0 {
		time.Sleep(time.Duration(afterMs) * time.Millisecond)
	}
}

func work(kind string) {
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
