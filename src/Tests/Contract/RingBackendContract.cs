using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <summary>What the backends with a ring promise besides.</summary>
public abstract class RingBackendContract : LoopBackendContract
{
    [Fact]
    public void A_wait_takes_its_time_once_where_the_kernel_takes_no_time_with_the_call()
    {
        // As before Linux 5.11: without EXT_ARG, the limit of a wait is a request of the ring's own.
        using var loop = new EventLoop(OlderBackend(WithoutTimeInCall()));
        TakesItsTimeOnce(loop);

        // One wait after the other, and what earlier waits left behind ends none of them early.
        for (int i = 0; i < 50; i++)
        {
            long startNs = loop.NowNs;
            Assert.False(loop.LoopOnce(1_000_000));
            Assert.True(loop.NowNs - startNs >= 1_000_000);
        }
    }

    private ILoopBackend OlderBackend(RingEnvironment environment) => Backend switch
    {
        "uring" or TestedBackends.UringGathering => new UringBackend(environment),
        "uring-poll" => new UringPollBackend(RingPollMode.OneShot, environment: environment),
        "uring-epoll" => new UringEpollBackend(waitInRing: false, environment),
        TestedBackends.MultishotUpdate => new UringPollBackend(RingPollMode.Update, environment: environment),
        TestedBackends.EpollPoll => new UringEpollBackend(waitInRing: false, environment),
        _ => throw new InvalidOperationException($"{Backend} has no ring"),
    };

    private static RingEnvironment WithoutTimeInCall() => new()
    {
        Setup = (uint entries, ref io_uring_params parameters) =>
        {
            int fd = IoUring.Setup(entries, ref parameters);
            parameters.features &= ~RingFeatures.EXT_ARG;
            return fd;
        },
    };
}
