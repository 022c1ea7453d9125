using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// A disk in an array, written as plain calls, that says how many of them overlapped. A test may hold them up, or have them fail.
/// </summary>
internal class SynchronousMemory(int bytes, ThreadModel model = ThreadModel.Parallel) : ISynchronousStore
{
    private readonly byte[] _disk = new byte[bytes];
    private int _inside;
    private int _calls;

    public string Name => "plain";

    public ulong Size => (ulong)bytes;

    public virtual BlockCapabilities Capabilities => BlockCapabilities.Flush | BlockCapabilities.Trim | BlockCapabilities.WriteZeroes
        | BlockCapabilities.FastZero | BlockCapabilities.Cache | BlockCapabilities.MultiConn;

    public ThreadModel ThreadModel => model;

    /// <summary>Called inside every call, with what it is for; returns its error.</summary>
    public Func<NbdCommand, int> Inside { get; init; } = _ => 0;

    /// <summary>Calls that have begun.</summary>
    public int Calls => _calls;

    /// <summary>The most that were inside at one time.</summary>
    public int MostInside { get; private set; }

    public int Disposed { get; private set; }

    public int Read(ulong offset, Span<byte> data)
    {
        int error = Enter(NbdCommand.Read);
        _disk.AsSpan((int)offset, data.Length).CopyTo(data);
        return Leave(error);
    }

    public int Write(ulong offset, ReadOnlySpan<byte> data, NbdCommandFlags flags)
    {
        int error = Enter(NbdCommand.Write);
        data.CopyTo(_disk.AsSpan((int)offset));
        return Leave(error);
    }

    public int Flush() => Leave(Enter(NbdCommand.Flush));

    public int Trim(ulong offset, ulong length, NbdCommandFlags flags) => Zero(NbdCommand.Trim, offset, length);

    public int WriteZeroes(ulong offset, ulong length, NbdCommandFlags flags) => Zero(NbdCommand.WriteZeroes, offset, length);

    public int Cache(ulong offset, ulong length) => Leave(Enter(NbdCommand.Cache));

    public BlockExtent ExtentAt(ulong offset, ulong length)
    {
        ReadOnlySpan<byte> rest = _disk.AsSpan((int)offset, (int)length);
        bool zero = rest[0] == 0;
        int run = zero ? rest.IndexOfAnyExcept((byte)0) : rest.IndexOf((byte)0);
        return new BlockExtent(run < 0 ? length : (ulong)run, zero ? ExtentState.Hole | ExtentState.Zero : ExtentState.Data);
    }

    public void Dispose() => Disposed++;

    private int Zero(NbdCommand command, ulong offset, ulong length)
    {
        int error = Enter(command);
        _disk.AsSpan((int)offset, (int)length).Clear();
        return Leave(error);
    }

    private int Enter(NbdCommand command)
    {
        Interlocked.Increment(ref _calls);
        int inside = Interlocked.Increment(ref _inside);
        lock (_disk)
        {
            MostInside = Math.Max(MostInside, inside);
        }

        try
        {
            return Inside(command);
        }
        catch
        {
            Leave(0);
            throw;
        }
    }

    private int Leave(int error)
    {
        Interlocked.Decrement(ref _inside);
        return error;
    }
}
