/* Connections and datagrams, one command each. */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *outcome(int error)
{
	switch (error) {
	case 0:
		return "connected";
	case ETIMEDOUT:
		return "timeout";
	case ECONNREFUSED:
		return "refused";
	case EPERM:
		return "denied";
	default:
		return strerrorname_np(error);
	}
}

/* Says how it went and, when it is connected, which number the connection has. */
static bool run_connect(const struct words *words)
{
	struct endpoint endpoint;
	if (!parse_endpoint(words->at[0], words->at[1], &endpoint))
		return false;
	int fd = start_connect(&endpoint);
	int error = fd < 0 ? errno : finish_connect(fd, (int)number(words->at[2]));
	if (error && fd >= 0)
		drop(fd);
	answer("ok %s %d", outcome(error), error ? -1 : fd);
	return true;
}

/* Sends a byte on a connection and waits until it comes back. */
static bool run_exchange(const struct words *words)
{
	int fd = (int)number(words->at[0]);
	char byte = 'x';
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
		answer("ok %s", strerrorname_np(errno));
	else if (poll(&wait, 1, (int)number(words->at[1])) <= 0)
		answer("ok timeout");
	else
		answer("ok %s", recv(fd, &byte, 1, 0) == 1 ? "echoed" : "closed");
	return true;
}

static bool run_close(const struct words *words)
{
	drop((int)number(words->at[0]));
	return true;
}

/* Datagrams one after the other from one socket, each with its answer or without one in time. */
static bool run_ask(const struct words *words)
{
	struct endpoint endpoint;
	if (!parse_endpoint(words->at[0], words->at[1], &endpoint))
		return false;
	long count = number(words->at[2]), size = words->count > 4 ? number(words->at[4]) : 16;
	int timeout = (int)number(words->at[3]), answered = 0, denied = 0;
	static char datagram[65536];
	int fd = socket(endpoint.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&endpoint.address, endpoint.size))
		return fail("no socket");
	for (long sent = 0; sent < count; sent++) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		if (send(fd, datagram, (size_t)size, 0) < 0)
			denied += errno == EPERM;
		else if (poll(&wait, 1, timeout) > 0 && recv(fd, datagram, sizeof(datagram), 0) == size)
			answered++;
	}
	close(fd);
	answer("ok %d %d", answered, denied);
	return true;
}

static void pause_until(uint64_t time)
{
	struct timespec until = { (time_t)(time / 1000000000), (long)(time % 1000000000) };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/*
 * Numbered datagrams, spread over ports in an order that jumps; so many a millisecond. A receiver that keeps up is told
 * from a firewall that drops by their numbers. From one processor: two would let one datagram overtake another.
 */
static bool run_sequence(const struct words *words)
{
	struct endpoint endpoint;
	if (!parse_endpoint(words->at[0], words->at[1], &endpoint))
		return false;
	long first = number(words->at[1]), ports = number(words->at[2]);
	uint32_t from = (uint32_t)number(words->at[3]), total = (uint32_t)number(words->at[4]);
	uint32_t rate = (uint32_t)number(words->at[5]);
	struct sockaddr_in *four = (struct sockaddr_in *)&endpoint.address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&endpoint.address;
	cpu_set_t processor;
	CPU_ZERO(&processor);
	CPU_SET(sched_getcpu(), &processor);
	sched_setaffinity(0, sizeof(processor), &processor);
	int fd = socket(endpoint.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t begin = now_ns(), failed = 0;
	for (uint32_t sent = 0; sent < total; sent++) {
		uint32_t content = from + sent;
		uint16_t port = htons((uint16_t)(first + (long)(content * 7919ull % (uint64_t)ports)));
		if (endpoint.address.ss_family == AF_INET)
			four->sin_port = port;
		else
			six->sin6_port = port;
		failed += sendto(fd, &content, sizeof(content), 0, (struct sockaddr *)&endpoint.address, endpoint.size) < 0;
		if (sent % rate == rate - 1)
			pause_until(begin + (uint64_t)(sent / rate + 1) * 1000000);
	}
	close(fd);
	answer("ok %llu", (unsigned long long)failed);
	return true;
}

const struct command client_commands[] = {
	{ "connect", "ADDRESS PORT MILLISECONDS", 3, run_connect },
	{ "exchange", "CONNECTION MILLISECONDS", 2, run_exchange },
	{ "close", "CONNECTION", 1, run_close },
	{ "ask", "ADDRESS PORT COUNT MILLISECONDS [SIZE]", 4, run_ask },
	{ "sequence", "ADDRESS FIRST-PORT PORTS FROM TOTAL PER-MILLISECOND", 6, run_sequence },
	{ 0 },
};
