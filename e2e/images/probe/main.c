#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE 65536
#define WORDS 32

static char answered[ANSWER_SIZE];
static size_t answered_size;

void answer(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int size = vsnprintf(answered, sizeof(answered), format, arguments);
	va_end(arguments);
	answered_size = size < 0 ? 0 : (size_t)size < sizeof(answered) ? (size_t)size : sizeof(answered) - 1;
}

bool fail(const char *what)
{
	answer("error %s: %s", what, strerror(errno));
	return false;
}

long number(const char *word)
{
	char *end;
	errno = 0;
	long value = strtol(word, &end, 0);
	if (errno || *end || end == word) {
		fprintf(stderr, "%s is no number\n", word);
		exit(2);
	}
	return value;
}

pid_t fork_bound(void)
{
	pid_t pid = fork();
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

void *shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return memory;
}

uint64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static const struct command *find(const char *name)
{
	const struct command *tables[] = { call_commands, client_commands, server_commands, raw_commands, load_commands };
	for (size_t table = 0; table < sizeof(tables) / sizeof(*tables); table++)
		for (const struct command *command = tables[table]; command->name; command++)
			if (!strcmp(command->name, name))
				return command;
	return NULL;
}

static void run(int count, char **words)
{
	const struct command *command = count > 0 ? find(words[0]) : NULL;
	answer("ok");
	if (!command)
		answer("error there is no command %s", count > 0 ? words[0] : "without a name");
	else if (count - 1 < command->words)
		answer("error usage: %s %s", command->name, command->usage);
	else
		command->run(&(struct words){ count - 1, words + 1 });
}

static bool reply(int fd)
{
	answered[answered_size++] = '\n';
	for (size_t sent = 0; sent < answered_size;) {
		ssize_t size = send(fd, answered + sent, answered_size - sent, MSG_NOSIGNAL);
		if (size <= 0)
			return false;
		sent += (size_t)size;
	}
	return true;
}

static void run_line(char *line)
{
	char *words[WORDS], *rest;
	int count = 0;
	for (char *word = strtok_r(line, " ", &rest); word && count < WORDS; word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	run(count, words);
}

/* Until the other end closes the connection. */
static void converse(int fd)
{
	static char buffer[LINE + 1];
	size_t size = 0;
	for (;;) {
		ssize_t got = recv(fd, buffer + size, LINE - size, 0);
		if (got <= 0)
			return;
		size += (size_t)got;
		for (char *end; (end = memchr(buffer, '\n', size));) {
			*end = 0;
			run_line(buffer);
			if (!reply(fd))
				return;
			size_t used = (size_t)(end - buffer) + 1;
			memmove(buffer, buffer + used, size -= used);
		}
	}
}

static int control(const char *path, const char *ports)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 64)) {
		perror(path);
		return 1;
	}
	if (ports && fork_bound() == 0)
		return serve(ports) ? 0 : 1;
	/* Nobody waits for children: the kernel is to forget them. */
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0 && fork_bound() == 0) {
			close(listener);
			signal(SIGCHLD, SIG_DFL);
			converse(fd);
			return 0;
		}
		close(fd);
	}
}

int main(int count, char **words)
{
	/* As process 1 of a container it has no default action for this signal. */
	signal(SIGTERM, _exit);
	if (count > 2 && !strcmp(words[1], "respawn"))
		return respawn(words + 2);
	if (count > 2 && !strcmp(words[1], "control"))
		return control(words[2], count > 3 ? words[3] : NULL);
	if (count > 2 && !strcmp(words[1], "run")) {
		run(count - 2, words + 2);
		puts(answered);
		return strncmp(answered, "ok", 2) ? 1 : 0;
	}
	fprintf(stderr, "usage: probe control SOCKET [PORTS] | probe run COMMAND WORDS... | probe respawn PROGRAM WORDS...\n");
	return 2;
}
