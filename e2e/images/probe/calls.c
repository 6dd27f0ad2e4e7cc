/* System calls, exactly as many as are asked for. */
#define _GNU_SOURCE
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct call {
	const char *name;
	long number;
	long arguments[4];
	/* What it gives back is a file to be closed. */
	bool opens;
};

static const struct open_how how = { .flags = O_RDONLY };
/* A datagram socket: to be connected costs no packet. */
static const struct sockaddr_in nobody = { .sin_family = AF_INET, .sin_addr = { 0x0100007f }, .sin_port = 0x0900 };
static char byte;

/* Opened once: what opens them is not among what is counted. */
static int source = -1, sink = -1, datagrams = -1;

#define FILE_OF(place) (-1000 - (place))
enum { SOURCE, SINK, DATAGRAMS };

static const struct call calls[] = {
	{ "read", SYS_read, { FILE_OF(SOURCE), (long)&byte, 1 }, false },
	{ "write", SYS_write, { FILE_OF(SINK), (long)&byte, 1 }, false },
	{ "openat", SYS_openat, { AT_FDCWD, (long)"/dev/null", O_RDONLY }, true },
	{ "openat2", SYS_openat2, { AT_FDCWD, (long)"/dev/null", (long)&how, sizeof(how) }, true },
#ifdef SYS_open
	{ "open", SYS_open, { (long)"/dev/null", O_RDONLY }, true },
#endif
	{ "connect", SYS_connect, { FILE_OF(DATAGRAMS), (long)&nobody, sizeof(nobody) }, false },
	/* On a file that does not listen: the call fails, and was made all the same. */
	{ "accept", SYS_accept, { FILE_OF(DATAGRAMS) }, false },
	{ "accept4", SYS_accept4, { FILE_OF(DATAGRAMS) }, false },
	{ "getppid", SYS_getppid, { 0 }, false },
	{ "getpid", SYS_getpid, { 0 }, false },
	{ "getuid", SYS_getuid, { 0 }, false },
	{ 0 },
};

static bool open_files(void)
{
	if (source >= 0)
		return true;
	source = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return source >= 0 && sink >= 0 && datagrams >= 0;
}

static long resolve(long argument)
{
	if (argument == FILE_OF(SOURCE))
		return source;
	if (argument == FILE_OF(SINK))
		return sink;
	return argument == FILE_OF(DATAGRAMS) ? datagrams : argument;
}

static const struct call *find_call(const char *name)
{
	for (const struct call *call = calls; call->name; call++)
		if (!strcmp(call->name, name))
			return call;
	answer("error the call %s is not known here", name);
	return NULL;
}

static void make(const struct call *call, long count)
{
	long a = resolve(call->arguments[0]), b = resolve(call->arguments[1]);
	long c = resolve(call->arguments[2]), d = resolve(call->arguments[3]);
	for (long made = 0; made < count; made++) {
		long result = syscall(call->number, a, b, c, d);
		if (call->opens && result >= 0)
			syscall(SYS_close, result);
	}
}

static bool run_calls(const struct words *words)
{
	const struct call *call = find_call(words->at[0]);
	if (!call)
		return false;
	if (!open_files())
		return fail("cannot open what the calls need");
	make(call, number(words->at[1]));
	return true;
}

static bool run_time(const struct words *words)
{
	const struct call *call = find_call(words->at[0]);
	long count = number(words->at[1]);
	if (!call || !open_files())
		return false;
	make(call, count / 100);
	uint64_t begin = now_ns();
	make(call, count);
	answer("ok %llu", (unsigned long long)(now_ns() - begin));
	return true;
}

/* Calls of the 32-bit table: 4 is write there and stat in the 64-bit one. The arguments are junk on purpose. */
static bool run_compat(const struct words *words)
{
#ifdef __x86_64__
	long call = number(words->at[0]), count = number(words->at[1]);
	for (long made = 0; made < count; made++) {
		long result;
		__asm__ volatile("int $0x80"
				 : "=a"(result)
				 : "a"(call), "b"(-1L), "c"(0L), "d"(0L)
				 : "memory", "r8", "r9", "r10", "r11");
	}
	return true;
#else
	(void)words;
	answer("error there are no such calls on this machine");
	return false;
#endif
}

/* Calls of the x32 table, whose numbers carry bit 30, whether or not the kernel has that table. */
static bool run_x32(const struct words *words)
{
#ifdef __x86_64__
	long call = number(words->at[0]), count = number(words->at[1]);
	for (long made = 0; made < count; made++)
		syscall(call | 0x40000000, -1L, 0L, 0L);
	return true;
#else
	(void)words;
	answer("error there are no such calls on this machine");
	return false;
#endif
}

/* All are there before the first is waited for. */
static void fork_all(long children, long own, int depth)
{
	for (long made = 0; made < children; made++) {
		if (fork_bound() != 0)
			continue;
		make(find_call("getppid"), own);
		if (depth > 1)
			fork_all(1, own, depth - 1);
		_exit(0);
	}
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

static bool run_forks(const struct words *words)
{
	fork_all(number(words->at[0]), number(words->at[1]), (int)number(words->at[2]));
	return true;
}

const struct command call_commands[] = {
	{ "calls", "NAME COUNT", 2, run_calls },
	{ "time", "NAME COUNT", 2, run_time },
	{ "compat", "NUMBER COUNT", 2, run_compat },
	{ "x32", "NUMBER COUNT", 2, run_x32 },
	{ "forks", "CHILDREN CALLS-OF-EACH DEPTH", 3, run_forks },
	{ 0 },
};
