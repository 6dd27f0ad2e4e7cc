/*
 * Waits for a byte on standard input, then makes exactly as many calls of getppid as it is told, in as many processes, and as
 * many by each way into the kernel that is not the 64-bit one.
 *
 *   caller NATIVE FORKS COMPAT
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void call(int times)
{
	while (times-- > 0)
		syscall(SYS_getppid);
}

#if defined(__x86_64__)
/* i386's getpid: 20 is writev of x86_64. */
static void call_compat(int times)
{
	while (times-- > 0) {
		long result = 20;

		__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
		/* x32's getppid; without x32 in the kernel it fails, which is a call all the same. */
		syscall(0x40000000 | SYS_getppid);
	}
}
#else
static void call_compat(int times)
{
	(void)times;
}
#endif

int main(int count, char **words)
{
	char byte;

	if (count != 4 || read(0, &byte, 1) != 1)
		return 2;
	for (int forks = atoi(words[2]); forks > 0; forks--) {
		if (fork() == 0) {
			call(atoi(words[1]));
			_exit(0);
		}
		/* Up to 32 at a time. */
		if (forks % 32 == 0)
			while (wait(0) > 0)
				;
	}
	while (wait(0) > 0)
		;
	call(atoi(words[1]));
	call_compat(atoi(words[3]));
	return 0;
}
