using System.Runtime.InteropServices;

namespace Harness.Io;

/// <summary>A call on a ring that failed outside the hot path: mapping, enabling or registering. The hot path returns minus errno instead.</summary>
public class RingException : IOException
{
    /// <summary>Says which call failed and why.</summary>
    /// <param name="operation">The call, as the manual pages name it.</param>
    /// <param name="errno">The positive error number.</param>
    public RingException(string operation, int errno)
        : this($"{operation} failed: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})", errno, operation)
    {
    }

    /// <summary>An error with a message of its own.</summary>
    private protected RingException(string message, int errno, string operation) : base(message) => (Errno, Operation) = (errno, operation);

    /// <summary>The positive error number of <c>errno(3)</c>.</summary>
    public int Errno { get; }

    /// <summary>The call that failed, as the manual pages name it.</summary>
    public string Operation { get; }
}
