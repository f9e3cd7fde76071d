/*
 * Event loops in threads that share their upstream connections: a loop sends a call on whichever connection is idle, and
 * if that is another loop's, asks that one to send it. So a loop calls, between reading a request and answering it, for
 * requests that others have read. w=sleep: by a timer of the loop; n, m: several calls, one after the other or at once.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using Task = std::function<void()>;

static const int LOOPS = 8;
static const std::string ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";

static long now_us()
{
	timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

struct Loop {
	int epoll = epoll_create1(0);
	int wake = eventfd(0, EFD_NONBLOCK);
	std::mutex lock;
	std::deque<Task> posted;
	std::multimap<long, Task> timers;
	std::map<int, Task> readable;

	void post(Task task)
	{
		std::lock_guard<std::mutex> guard(lock);
		posted.push_back(std::move(task));
		eventfd_write(wake, 1);
	}

	void watch(int fd, Task task)
	{
		epoll_event event = {};
		event.events = EPOLLIN;
		event.data.fd = fd;
		readable[fd] = std::move(task);
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	}

	void run_posted()
	{
		std::deque<Task> tasks;
		eventfd_t count;
		eventfd_read(wake, &count);
		{
			std::lock_guard<std::mutex> guard(lock);
			tasks.swap(posted);
		}
		for (auto &task : tasks)
			task();
	}

	int wait_ms() const
	{
		return timers.empty() ? -1 : std::max(0L, (timers.begin()->first - now_us() + 999) / 1000);
	}

	void run()
	{
		watch(wake, [this] { run_posted(); });
		for (;;) {
			epoll_event events[64];
			int count = epoll_wait(epoll, events, 64, wait_ms());
			for (int i = 0; i < count; i++) {
				auto found = readable.find(events[i].data.fd);
				if (found == readable.end())
					continue;
				Task task = found->second;
				task();
			}
			while (!timers.empty() && timers.begin()->first <= now_us()) {
				Task task = timers.begin()->second;
				timers.erase(timers.begin());
				task();
			}
		}
	}
};

struct Upstream {
	int fd;
	Loop *owner;
	std::string answer;
	Task done;
};

struct Request {
	int fd, count, left;
	bool parallel, sleeps;
	std::string path, query;
};

static sockaddr_in next_address;
static Loop loops[LOOPS];
static thread_local Loop *self;
static std::mutex idle_lock;
static std::deque<Upstream *> idle;
static unsigned opened;

static void read_answer(Upstream *upstream)
{
	char bytes[4096];
	ssize_t got = read(upstream->fd, bytes, sizeof(bytes));
	if (got <= 0) {
		epoll_ctl(upstream->owner->epoll, EPOLL_CTL_DEL, upstream->fd, nullptr);
		return;
	}
	upstream->answer.append(bytes, got);
	size_t at = upstream->answer.find("ok\n");
	bool chunked = upstream->answer.find("chunked") != std::string::npos;
	if (at == std::string::npos || (chunked && upstream->answer.find("\r\n0\r\n\r\n") == std::string::npos))
		return;
	upstream->answer.clear();
	Task done = std::move(upstream->done);
	{
		std::lock_guard<std::mutex> guard(idle_lock);
		idle.push_back(upstream);
	}
	done();
}

/* On the thread of the loop that has the connection, or will have it. */
static void send_call(Loop *loop, Upstream *upstream, const std::string &text, Task done)
{
	if (!upstream) {
		int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
		if (connect(fd, (sockaddr *)&next_address, sizeof(next_address)))
			exit(4);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		fcntl(fd, F_SETFL, O_NONBLOCK);
		upstream = new Upstream{ fd, loop, "", nullptr };
		loop->watch(fd, [upstream] { read_answer(upstream); });
	}
	upstream->done = std::move(done);
	if (write(upstream->fd, text.data(), text.size()) < 0)
		exit(5);
}

static void call(const std::string &text, Task done)
{
	Loop *origin = self;
	Upstream *upstream = nullptr;
	Loop *owner;
	{
		std::lock_guard<std::mutex> guard(idle_lock);
		if (!idle.empty()) {
			upstream = idle.front();
			idle.pop_front();
		}
		owner = upstream ? upstream->owner : &loops[opened++ % LOOPS];
	}
	Task back = [origin, done] {
		if (origin == self)
			done();
		else
			origin->post(done);
	};
	Task send = [owner, upstream, text, back] { send_call(owner, upstream, text, back); };
	if (owner == self)
		send();
	else
		owner->post(send);
}

static void start_call(std::shared_ptr<Request> request, int index)
{
	Task send = [request, index] {
		std::string text = "GET " + request->path + "." + std::to_string(index) + "?" + request->query +
				   " HTTP/1.1\r\nHost: next\r\n\r\n";
		call(text, [request, index] {
			request->left--;
			if (!request->parallel && index < request->count)
				start_call(request, index + 1);
			else if (!request->left && write(request->fd, ANSWER.data(), ANSWER.size()) < 0)
				perror("answer");
		});
	};
	if (request->sleeps)
		self->timers.emplace(now_us() + 1000 + rand() % 8000, send);
	else
		send();
}

static void serve(int fd, const std::string &head)
{
	auto request = std::make_shared<Request>();
	size_t from = head.find(' ') + 1, mark = head.find('?', from), to = head.find(' ', from);
	size_t n;

	request->fd = fd;
	request->path = head.substr(from, std::min(mark, to) - from);
	request->query = mark < to ? head.substr(mark + 1, to - mark - 1) : "";
	n = request->query.find("n=");
	request->count = n == std::string::npos ? 1 : atoi(request->query.c_str() + n + 2);
	request->left = request->count;
	request->parallel = request->query.find("m=") != std::string::npos;
	request->sleeps = request->query.find("w=sleep") != std::string::npos;
	for (int index = 1; index <= (request->parallel ? request->count : 1); index++)
		start_call(request, index);
}

static void accept_client(Loop *loop, int listener)
{
	int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK), one = 1;
	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	auto head = std::make_shared<std::string>();
	loop->watch(fd, [loop, fd, head] {
		char bytes[4096];
		ssize_t got = read(fd, bytes, sizeof(bytes));
		if (got == 0) {
			loop->readable.erase(fd);
			close(fd);
		}
		if (got <= 0)
			return;
		head->append(bytes, got);
		for (size_t end; (end = head->find("\r\n\r\n")) != std::string::npos;) {
			std::string one = head->substr(0, end);
			head->erase(0, end + 4);
			serve(fd, one);
		}
	});
}

int main()
{
	sockaddr_in address = {};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
	std::vector<std::thread> threads;

	signal(SIGPIPE, SIG_IGN);
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	next_address = address;
	address.sin_port = htons(atoi(getenv("PORT")));
	next_address.sin_port = htons(atoi(strrchr(getenv("NEXT"), ':') + 1));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (sockaddr *)&address, sizeof(address)) || listen(listener, 256))
		return 1;
	for (Loop &loop : loops) {
		threads.emplace_back([&loop, listener] {
			int own = dup(listener);
			self = &loop;
			loop.watch(own, [&loop, own] { accept_client(&loop, own); });
			loop.run();
		});
	}
	for (auto &thread : threads)
		thread.join();
}
