using System.Globalization;
using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// A signalfd(2) that a loop watches like any descriptor. It has only signals that every thread of the process blocks: the runtime starts its threads before
/// any code of ours runs, so that is so where the process was started with the signal blocked, for example by <c>env --block-signal=USR1</c>.
/// </summary>
internal sealed unsafe class SignalFd : IFdHandler, IDisposable
{
    private const int SignalInfoBytes = 128;
    private const int MaxSignal = 64;

    private readonly EventLoop _loop;
    private readonly FdEvent _event;
    private readonly int[] _users = new int[MaxSignal + 1];
    private int _fd = -1;

    public SignalFd(EventLoop loop)
    {
        _loop = loop;
        _event = new FdEvent(this);
    }

    /// <summary>Whether every thread of this process blocks the signal, as /proc has it.</summary>
    public static bool IsBlockedEverywhere(int signal)
    {
        if (signal is < 1 or > MaxSignal)
        {
            return false;
        }

        foreach (string task in Directory.EnumerateDirectories("/proc/self/task"))
        {
            if (Blocked(task) is { } mask && (mask & Bit(signal)) == 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Adds a signal; disposing of the result takes it out again.</summary>
    public IDisposable Add(int signal)
    {
        _users[signal]++;
        Update();
        return new User(this, signal);
    }

    /// <summary>True where the event's signals come from here.</summary>
    public bool Has(SignalEvent signalEvent) => signalEvent.Source is User user && user.Of == this;

    /// <summary>Takes what is there and counts it.</summary>
    public void Read()
    {
        byte* infos = stackalloc byte[SignalInfoBytes * 16];
        nint bytes;
        while (_fd >= 0 && (bytes = Unistd.read(_fd, infos, SignalInfoBytes * 16)) > 0)
        {
            for (nint at = 0; at < bytes; at += SignalInfoBytes)
            {
                // struct signalfd_siginfo begins with ssi_signo.
                _loop.SignalsRead((int)*(uint*)(infos + at), 1);
            }
        }
    }

    // What there was to read has been read before any descriptor's turn, unless it came since: then the next turn has it.
    public void OnReady(FdEvent fdEvent, FdFlags ready) => Read();

    public void OnEnded(FdEvent fdEvent, int error) => _fd = -1;

    public void Dispose()
    {
        if (_fd >= 0)
        {
            Unistd.close(_fd);
            _fd = -1;
        }
    }

    private static ulong? Blocked(string task)
    {
        try
        {
            const string Field = "SigBlk:";
            string line = File.ReadLines(Path.Combine(task, "status")).First(text => text.StartsWith(Field, StringComparison.Ordinal));
            return ulong.Parse(line.AsSpan(Field.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // The thread has ended meanwhile.
            return null;
        }
    }

    private static ulong Bit(int signal) => 1UL << (signal - 1);

    private void Update()
    {
        ulong mask = 0;
        for (int signal = 1; signal <= MaxSignal; signal++)
        {
            mask |= _users[signal] > 0 ? Bit(signal) : 0;
        }

        int fd = SignalFds.signalfd(_fd, &mask, SignalFds.SFD_CLOEXEC | SignalFds.SFD_NONBLOCK);
        if (fd < 0)
        {
            throw new IoException("cannot make a signalfd", Marshal.GetLastSystemError());
        }

        if (_fd < 0)
        {
            _fd = fd;
            _loop.AddFd(_event, fd, FdFlags.Read);
        }
    }

    private sealed class User(SignalFd of, int signal) : IDisposable
    {
        public SignalFd Of => of;

        public void Dispose()
        {
            of._users[signal]--;
            of.Update();
        }
    }
}
