/*
 * line - runs a command at the far end of a delay line.
 *
 *   line MICROSECONDS COMMAND...
 *
 * COMMAND runs in a new network namespace with the address 192.0.2.2 (RFC 5737).
 * The caller's namespace gets 192.0.2.1. Each packet between the two arrives
 * MICROSECONDS later, in both directions, so a round trip takes twice that.
 * Handshakes of TCP are delayed like everything else. Nothing limits the rate.
 *
 * The link consists of two TUN devices that end in this process. They disappear
 * with it, and so does COMMAND. The caller must be root in its own network
 * namespace.
 *
 * musl lacks linux/if_tun.h, so its constants are numbers here.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MTU = 1500,
    RING = 4096, /* packets that can be on the way in one direction */
    TUN_SET = 0x400454ca,
    TUN_PACKETS = 0x1001, /* IFF_TUN | IFF_NO_PI */
};

typedef struct {
    int64_t due; /* ns */
    ssize_t size;
    char data[MTU];
} Packet;

/* One direction. `head` and `tail` count packets and are never reset. */
typedef struct {
    int from, to;
    unsigned head, tail;
    Packet *ring;
} Lane;

static void die(const char *what)
{
    fprintf(stderr, "line: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void start_device(int control, const char *name)
{
    struct ifreq wish = {.ifr_flags = IFF_UP | IFF_RUNNING};
    strcpy(wish.ifr_name, name);
    if (ioctl(control, SIOCSIFFLAGS, &wish))
        die(name);
}

static void set_address(int control, unsigned long what, const char *address)
{
    struct ifreq wish = {.ifr_name = "line"};
    struct sockaddr_in in = {.sin_family = AF_INET};
    inet_pton(AF_INET, address, &in.sin_addr);
    memcpy(&wish.ifr_addr, &in, sizeof in);
    if (ioctl(control, what, &wish))
        die(address);
}

/* Creates this namespace's end of the line. Returns a descriptor from which its
 * packets are read. The queue is longer than any burst: no packet is lost. */
static int open_end(const char *address)
{
    struct ifreq wish = {.ifr_name = "line", .ifr_flags = TUN_PACKETS};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || control < 0 || ioctl(fd, TUN_SET, &wish))
        die("/dev/net/tun");
    wish.ifr_qlen = RING;
    if (ioctl(control, SIOCSIFTXQLEN, &wish))
        die("SIOCSIFTXQLEN");
    set_address(control, SIOCSIFADDR, address);
    set_address(control, SIOCSIFNETMASK, "255.255.255.0");
    start_device(control, "line");
    start_device(control, "lo");
    close(control);
    return fd;
}

static void take_packets(Lane *lane, int64_t delay)
{
    while (lane->head - lane->tail < RING) {
        Packet *packet = &lane->ring[lane->head % RING];
        packet->size = read(lane->from, packet->data, MTU);
        if (packet->size <= 0)
            return;
        packet->due = now() + delay;
        lane->head++;
    }
}

static void send_packets(Lane *lane)
{
    for (; lane->tail != lane->head; lane->tail++) {
        Packet *packet = &lane->ring[lane->tail % RING];
        if (packet->due > now())
            return;
        /* Like a router, it drops what the other end refuses. */
        if (write(lane->to, packet->data, packet->size) < 0)
            continue;
    }
}

static void carry(Lane lanes[2], int64_t delay)
{
    for (;;) {
        struct pollfd wait[2];
        int64_t next = INT64_MAX;
        for (int i = 0; i < 2; i++) {
            Lane *lane = &lanes[i];
            int full = lane->head - lane->tail == RING;
            wait[i] = (struct pollfd){lane->from, full ? 0 : POLLIN, 0};
            if (lane->tail != lane->head &&
                lane->ring[lane->tail % RING].due < next)
                next = lane->ring[lane->tail % RING].due;
        }
        int64_t left = next - now();
        struct timespec until = {left / 1000000000, left % 1000000000};
        if (left > 0)
            ppoll(wait, 2, next == INT64_MAX ? NULL : &until, NULL);
        for (int i = 0; i < 2; i++) {
            take_packets(&lanes[i], delay);
            send_packets(&lanes[i]);
        }
    }
}

static void on_child(int signal)
{
    (void)signal;
    _exit(0);
}

int main(int argc, char **argv)
{
    static Packet rings[2][RING];
    if (argc < 3) {
        fputs("usage: line MICROSECONDS COMMAND...\n", stderr);
        return 2;
    }
    int64_t delay = strtoll(argv[1], NULL, 10) * 1000;
    int near = open_end("192.0.2.1");
    if (unshare(CLONE_NEWNET))
        die("unshare");
    int far = open_end("192.0.2.2");
    signal(SIGCHLD, on_child);
    pid_t self = getpid();
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == self)
            execvp(argv[2], argv + 2);
        die(argv[2]);
    }
    prctl(PR_SET_TIMERSLACK, 1UL);
    carry((Lane[2]){{near, far, 0, 0, rings[0]}, {far, near, 0, 0, rings[1]}},
          delay);
}
