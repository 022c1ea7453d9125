using System.Runtime.InteropServices;

namespace Harness.Io;

/// <summary>Signals as the .NET runtime hands them out: its handler takes them on any thread, and a thread of its own tells.</summary>
internal static class RuntimeSignals
{
    /// <summary>Calls <paramref name="seen"/> on a thread of the runtime for each signal, until the result is disposed of.</summary>
    /// <exception cref="IoException">The signal cannot be had.</exception>
    public static IDisposable Watch(int signal, Action seen)
    {
        if (signal < 1)
        {
            // The runtime has names of its own below 0.
            throw new IoException($"cannot watch signal {signal}", Native.Errno.EINVAL);
        }

        try
        {
            // A number above 0 is the system's own.
            return PosixSignalRegistration.Create((PosixSignal)signal, context =>
            {
                context.Cancel = true;
                seen();
            });
        }
        catch (Exception e) when (e is IOException or ArgumentOutOfRangeException or PlatformNotSupportedException)
        {
            throw new IoException($"cannot watch signal {signal}", Native.Errno.EINVAL);
        }
    }
}
