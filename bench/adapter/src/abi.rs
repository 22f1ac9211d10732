//! The interface's layouts.

use crate::transport::Queue;

/// `new_order_t`.
#[repr(C)]
pub struct New {
    pub(crate) order_id: u64,
    pub(crate) sequence_number: u64,
    pub(crate) price_ticks: i64,
    pub(crate) quantity: u32,
    pub(crate) side: u8,
    pub(crate) ioc: u8,
    reserved: [u8; 2],
}

/// `cancel_t`.
#[repr(C)]
pub struct Cancel {
    pub(crate) order_id: u64,
    pub(crate) sequence_number: u64,
}

/// `modify_t`.
#[repr(C)]
pub struct Modify {
    pub(crate) order_id: u64,
    pub(crate) sequence_number: u64,
    pub(crate) new_price_ticks: i64,
    pub(crate) new_quantity: u32,
    pub(crate) side: u8,
    reserved: [u8; 3],
}

const _: () = assert!(size_of::<New>() == 32 && size_of::<Cancel>() == 16 && size_of::<Modify>() == 32);

/// `me_report_type_t`.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum ReportKind {
    OrderAck = 0,
    Trade = 1,
    CancelAck = 2,
    ModifyAck = 3,
    CancelReject = 4,
    ModifyReject = 5,
}

/// `me_transport_t`.
#[repr(C)]
pub struct Transport {
    pub(crate) create: unsafe extern "C" fn(u32) -> *mut Queue,
    pub(crate) push: unsafe extern "C" fn(*mut Queue, *const [u64; 8]) -> i32,
    pub(crate) drain: unsafe extern "C" fn(*mut Queue, *mut [u64; 8], u32) -> u32,
    pub(crate) flush: unsafe extern "C" fn(*mut Queue),
    pub(crate) destroy: unsafe extern "C" fn(*mut Queue),
}
