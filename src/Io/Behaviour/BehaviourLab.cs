using System.Net;
using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>A ring with some descriptors and some memory for one experiment. Waits end: what does not come within a second does not come.</summary>
internal sealed unsafe class BehaviourLab : IDisposable
{
    // Long enough for what has been caused to show itself, and short enough for a dozen experiments in a row.
    private const long QuietNs = 20_000_000;
    private const long PatienceNs = 1_000_000_000;
    private const long SettleNs = 2_000_000;
    private const int MemoryBytes = 1 << 20;

    private readonly List<int> _open = [];

    public BehaviourLab(RingOptions options)
    {
        Ring = new Ring(options);
        Ring.Enable();
    }

    public Ring Ring { get; }

    /// <summary>A mebibyte of zeroes.</summary>
    public NativeBuffer Memory { get; } = new(MemoryBytes, clear: true);

    /// <summary>Two connected stream sockets.</summary>
    public (int First, int Second) Pair()
    {
        (int first, int second) = Sockets.Pair();
        _open.Add(first);
        _open.Add(second);
        return (first, second);
    }

    /// <summary>A listening TCP socket on a port of its own.</summary>
    public int Listener()
    {
        int fd = Sockets.Listen(SocketEndpoint.Internet(IPAddress.Loopback, 0));
        _open.Add(fd);
        return fd;
    }

    /// <summary>Takes over a descriptor.</summary>
    public int Keep(int fd)
    {
        if (fd < 0)
        {
            throw new IoException("a descriptor could not be had", Marshal.GetLastSystemError());
        }

        _open.Add(fd);
        return fd;
    }

    /// <summary>close(2), as code does it that knows no ring.</summary>
    public void Close(int fd)
    {
        _open.Remove(fd);
        Unistd.close(fd);
    }

    /// <summary>write(2) of so many bytes of the lab's memory.</summary>
    public void Write(int fd, int count = 1) => Unistd.write(fd, (void*)Memory.Whole.Address, (nuint)count);

    /// <summary>Hands over what is prepared.</summary>
    public void Submit() => Ring.SubmitAndGetEvents();

    /// <summary>The next completion; null where none comes.</summary>
    public Cqe? Next() => Next(PatienceNs);

    /// <summary>Whether nothing comes for a while.</summary>
    public bool IsQuiet() => Next(QuietNs) is null;

    /// <summary>The results of the next completions, each with its user data as a name, in the order in which they come.</summary>
    public string Results(int count, params string[] names)
    {
        var results = new List<string>();
        for (int i = 0; i < count && Next() is { } cqe; i++)
        {
            results.Add($"{names[(int)cqe.UserData]} {Text(cqe.Result)}");
        }

        return results.Count == 0 ? "nothing" : string.Join(", ", results);
    }

    /// <summary>A result as people read it: a count, or an errno's name.</summary>
    public static string Text(int result) => result >= 0 ? $"{result}" : -result switch
    {
        Errno.ENOENT => "ENOENT",
        Errno.EAGAIN => "EAGAIN",
        Errno.EINVAL => "EINVAL",
        Errno.ETIME => "ETIME",
        Errno.EBADF => "EBADF",
        Errno.ENOBUFS => "ENOBUFS",
        Errno.EALREADY => "EALREADY",
        Errno.EOPNOTSUPP => "EOPNOTSUPP",
        Errno.ECANCELED => "ECANCELED",
        _ => $"errno {-result}",
    };

    /// <summary>
    /// What is pending ends before its memory goes: cancelled where the kernel can (5.19), elsewhere by the end of the stream that its peer's close brings.
    /// </summary>
    public void Dispose()
    {
        Ring.PrepareCancelAny(0);
        foreach (int fd in _open)
        {
            _ = Socket.shutdown(fd, Socket.SHUT_RDWR);
            Unistd.close(fd);
        }

        while (Next(SettleNs) is not null)
        {
        }

        Ring.Dispose();
        Memory.Dispose();
    }

    private Cqe? Next(long waitNs)
    {
        if (!Ring.TryTake(out Cqe cqe))
        {
            Ring.SubmitAndWait(1, waitNs);
            if (!Ring.TryTake(out cqe))
            {
                return null;
            }
        }

        return cqe;
    }
}
