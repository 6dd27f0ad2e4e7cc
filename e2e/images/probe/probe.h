/*
 * A program that does exactly what it is told, so that what the kernel counted can be compared with what was done.
 *
 * It is told over a Unix socket, which no firewall judges: a line is a command with its words, a line is the answer,
 * `ok ...` or `error ...`. Each connection has a process of its own, and that talks with sendto and recvfrom alone.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Words of a command, without its name. */
struct words {
	int count;
	char **at;
};

/* Long enough for a bitmap of two million numbers in hexadecimal. */
#define ANSWER_SIZE ((1 << 19) + 64)

/* Answers of the command that runs, one line without its end. */
__attribute__((format(printf, 1, 2))) void answer(const char *format, ...);

/* Answers with what errno says. Always returns false, so that a command can end with it. */
bool fail(const char *what);

struct command {
	const char *name;
	/* What stands after the name; those in brackets may be left out. */
	const char *usage;
	int words;
	/* False when it has answered with an error. */
	bool (*run)(const struct words *words);
};

extern const struct command call_commands[], client_commands[], server_commands[], raw_commands[], load_commands[];

/* Numbers as users write them; ends the process with an error on junk. */
long number(const char *word);

/* An address of either family with a port. The address may carry a scope (`fe80::1%eth0`). */
struct endpoint {
	struct sockaddr_storage address;
	socklen_t size;
};

bool parse_endpoint(const char *address, const char *port, struct endpoint *endpoint);

/* Ports as `80,443,1000-1999`; calls `each` with every one and stops where that gives false. */
bool each_port(const char *ports, bool (*each)(int port, void *with), void *with);

/* A child that ends with this process; 0 in the child, negative when there is none. */
pid_t fork_bound(void);

/* Memory that a child shares with this process. */
void *shared_memory(size_t size);

uint64_t now_ns(void);

/* Starts a connection without waiting for it. Negative when there is no socket. */
int start_connect(const struct endpoint *endpoint);

/* Waits for a connection that was started: 0, or an errno; ETIMEDOUT when there was no answer in time. */
int finish_connect(int fd, int milliseconds);

/* How many SYNs it took so far, the repeated ones included. */
uint64_t syns_sent(int fd);

/* Closes without TIME_WAIT, so that a port is free again at once. */
void drop(int fd);

/* Echoes TCP and UDP on ports of both families, for ever. */
bool serve(const char *ports);

/* Runs a program, and again whenever it was killed. */
int respawn(char **command);
