using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>Non-blocking pipes in a ring: what is taken from one goes into the next. Counts what it does.</summary>
internal sealed unsafe class PipeRing : IDisposable
{
    private readonly int[] _readEnds;
    private readonly int[] _writeEnds;

    public PipeRing(int count)
    {
        _readEnds = new int[count];
        _writeEnds = new int[count];
        Array.Fill(_readEnds, -1);
        Array.Fill(_writeEnds, -1);
        int* ends = stackalloc int[2];
        for (int pipe = 0; pipe < count; pipe++)
        {
            if (Unistd.pipe2(ends, Unistd.O_CLOEXEC | Unistd.O_NONBLOCK) < 0)
            {
                int errno = Marshal.GetLastSystemError();
                Dispose();
                throw new IoException($"cannot make {count} pipes", errno);
            }

            (_readEnds[pipe], _writeEnds[pipe]) = (ends[0], ends[1]);
        }
    }

    public int Count => _readEnds.Length;

    /// <summary>Tokens that handlers have moved.</summary>
    public long Moved { get; private set; }

    /// <summary>System calls that handlers have made.</summary>
    public long SystemCalls { get; private set; }

    public int ReadEnd(int pipe) => _readEnds[pipe];

    /// <summary>Puts a token into a pipe, before the test begins.</summary>
    public void Put(int pipe)
    {
        byte token = 1;
        if (Unistd.write(_writeEnds[pipe], &token, 1) != 1)
        {
            throw new IoException("cannot write to a pipe", Marshal.GetLastSystemError());
        }
    }

    /// <summary>Takes at most so many tokens out of a pipe; returns how many, 0 where it was empty.</summary>
    public int Take(int pipe, int most)
    {
        byte* tokens = stackalloc byte[most];
        SystemCalls++;
        return (int)Math.Max(0, Unistd.read(_readEnds[pipe], tokens, (nuint)most));
    }

    /// <summary>Writes a token that was taken from a pipe to the next one: an event.</summary>
    public void Pass(int pipe)
    {
        byte token = 1;
        int next = pipe + 1 == _writeEnds.Length ? 0 : pipe + 1;
        SystemCalls++;
        if (Unistd.write(_writeEnds[next], &token, 1) != 1)
        {
            throw new IoException("cannot write to a pipe", Marshal.GetLastSystemError());
        }

        Moved++;
    }

    public void Dispose()
    {
        foreach (int fd in _readEnds.Concat(_writeEnds).Where(fd => fd >= 0))
        {
            Unistd.close(fd);
        }
    }
}
