/* What goes on for a while: traffic whose every packet is known, and streams as fast as they go. */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What was sent and what became of it. `syns` count repeated ones, which the firewall judges too. */
static struct traffic {
	volatile int stop;
	uint64_t open_syns, open_connects, open_connected;
	uint64_t closed_syns, closed_connected;
	uint64_t open_datagrams, closed_datagrams;
	uint64_t calls;
} *traffic;

static pid_t traffic_pid;

struct route {
	struct endpoint open, closed;
	int open_datagrams, closed_datagrams;
	uint32_t next_open, next_closed;
};

#define BURST 8
#define GIVE_UP_MS 5000

static void connect_to_open(const struct endpoint *open)
{
	int fd = start_connect(open);
	if (fd < 0)
		return;
	traffic->open_connects++;
	traffic->open_connected += finish_connect(fd, GIVE_UP_MS) == 0;
	traffic->open_syns += syns_sent(fd);
	drop(fd);
}

static void send_number(int fd, uint32_t *next, uint64_t *sent)
{
	uint32_t content = (*next)++;
	*sent += send(fd, &content, sizeof(content), 0) == sizeof(content);
}

/* The closed port is tried while the others are used: its SYN gets all that time for an answer that must not come. */
static void make_round(struct route *route)
{
	int closed = start_connect(&route->closed);
	for (int at = 0; at < BURST; at++) {
		connect_to_open(&route->open);
		send_number(route->open_datagrams, &route->next_open, &traffic->open_datagrams);
		send_number(route->closed_datagrams, &route->next_closed, &traffic->closed_datagrams);
		syscall(SYS_getppid);
		traffic->calls++;
	}
	traffic->closed_connected += finish_connect(closed, 20) == 0;
	traffic->closed_syns += syns_sent(closed);
	drop(closed);
}

static int datagram_socket(const char *address, const char *port)
{
	struct endpoint endpoint;
	if (!parse_endpoint(address, port, &endpoint))
		return -1;
	int fd = socket(endpoint.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	connect(fd, (struct sockaddr *)&endpoint.address, endpoint.size);
	return fd;
}

/* Connections and numbered datagrams to an open and a closed port, datagrams each to the port after, until it is told to stop. */
static bool run_traffic(const struct words *words)
{
	struct route route = { 0 };
	const char *address = words->at[0];
	if (!parse_endpoint(address, words->at[1], &route.open) || !parse_endpoint(address, words->at[2], &route.closed))
		return false;
	route.open_datagrams = datagram_socket(address, words->at[3]);
	route.closed_datagrams = datagram_socket(address, words->at[4]);
	if (route.open_datagrams < 0 || route.closed_datagrams < 0)
		return fail("no socket");
	traffic = shared_memory(sizeof(*traffic));
	traffic_pid = fork_bound();
	if (traffic_pid != 0)
		return true;
	while (!traffic->stop)
		make_round(&route);
	_exit(0);
}

static bool run_traffic_so_far(const struct words *words)
{
	bool stop = words->count > 0 && !strcmp(words->at[0], "stop");
	if (!traffic) {
		answer("error there is no traffic");
		return false;
	}
	if (stop) {
		traffic->stop = 1;
		while (waitpid(traffic_pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	answer("ok {\"openSyns\":%llu,\"openConnects\":%llu,\"openConnected\":%llu,\"closedSyns\":%llu,\"closedConnected\":%llu,"
	       "\"openDatagrams\":%llu,\"closedDatagrams\":%llu,\"calls\":%llu}",
	       (unsigned long long)traffic->open_syns, (unsigned long long)traffic->open_connects,
	       (unsigned long long)traffic->open_connected, (unsigned long long)traffic->closed_syns,
	       (unsigned long long)traffic->closed_connected, (unsigned long long)traffic->open_datagrams,
	       (unsigned long long)traffic->closed_datagrams, (unsigned long long)traffic->calls);
	return true;
}

/* Takes connections one after the other and reads all they send. */
static bool run_sink(const struct words *words)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number(words->at[0])) };
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 16))
		return fail("cannot listen");
	if (fork_bound() != 0) {
		close(listener);
		return true;
	}
	static char bytes[1 << 18];
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		while (recv(fd, bytes, sizeof(bytes), 0) > 0)
			;
		close(fd);
	}
}

/* Sends for a time; answers bytes and nanoseconds until the receiver had them all. */
static bool run_stream(const struct words *words)
{
	static const char bytes[1 << 18];
	struct endpoint endpoint;
	if (!parse_endpoint(words->at[0], words->at[1], &endpoint))
		return false;
	int fd = socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&endpoint.address, endpoint.size))
		return fail("no connection");
	uint64_t begin = now_ns(), sent = 0, end = begin + (uint64_t)number(words->at[2]) * 1000000;
	while (now_ns() < end) {
		ssize_t size = send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
		if (size <= 0)
			return fail("the stream broke");
		sent += (uint64_t)size;
	}
	shutdown(fd, SHUT_WR);
	char byte;
	recv(fd, &byte, 1, 0);
	answer("ok %llu %llu", (unsigned long long)sent, (unsigned long long)(now_ns() - begin));
	close(fd);
	return true;
}

const struct command load_commands[] = {
	{ "traffic", "ADDRESS OPEN CLOSED OPEN-UDP CLOSED-UDP", 5, run_traffic },
	{ "traffic-so-far", "[stop]", 0, run_traffic_so_far },
	{ "sink", "PORT", 1, run_sink },
	{ "stream", "ADDRESS PORT MILLISECONDS", 3, run_stream },
	{ 0 },
};
